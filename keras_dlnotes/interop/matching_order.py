"""Pairs by order, where it leaves one possibility.

PyTorch defines its modules in some order in which they could be called: a module that takes what
another one makes comes behind it. Branches beside each other may come in either order, so a pairing
counts only where it is the only one that fits all shapes.
"""

from collections.abc import Mapping

from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.parts import Part

_MANY = 64  # pairings, which tell well enough what is open
_STEPS = 20_000


def signature(entry: Part | Module) -> tuple:
    return tuple(sorted(entry.shapes.items()))


def pairings(
    parts: list[Part],
    modules: list[Module],
    before: Mapping[Part, set[Part]],
    fixed: Mapping[Module, Part],
) -> list[dict[Module, Part]] | None:
    """All ways to give each module a part in the modules' order, the first few of them.

    Args:
        parts: of the Keras model, as many as there are modules.
        modules: in the order of their definition.
        before: the parts that each part needs before it.
        fixed: parts of modules that are known by name.

    Returns:
        The pairings, or None where looking for them would take too long.
    """
    taken = set(fixed.values())
    kinds: dict[tuple, list[Part]] = {}
    for part in parts:
        if part not in taken:
            kinds.setdefault(signature(part), []).append(part)
    found: list[dict[Module, Part]] = []
    dead: set[frozenset] = set()  # sets of parts behind which nothing was found
    steps = 0
    # one entry a module: the parts that it may still have, and the one that it has now
    path: list[Part] = []
    placed: set[Part] = set()
    options = [_options(modules[:1], kinds, placed, before, fixed)]
    counts = [0]
    while options:
        steps += 1
        if steps > _STEPS:
            return None
        if len(path) == len(modules):
            found.append(dict(zip(modules, path, strict=True)))
            if len(found) == _MANY:
                return found
            counts = [count + 1 for count in counts]
        elif options[-1] and frozenset(placed) not in dead:
            part = options[-1].pop(0)
            path.append(part)
            placed.add(part)
            following = modules[len(path) : len(path) + 1]
            options.append(_options(following, kinds, placed, before, fixed))
            counts.append(0)
            continue
        elif not counts[-1]:
            dead.add(frozenset(placed))
        options.pop()
        counts.pop()
        if path:
            placed.discard(path.pop())
    return found


def _options(modules, kinds, placed, before, fixed) -> list[Part]:
    """The parts that the module may have behind those that are placed."""
    if not modules:
        return []
    (module,) = modules
    alike = [fixed[module]] if module in fixed else kinds.get(signature(module), [])
    return [part for part in alike if part not in placed and before[part] <= placed]
