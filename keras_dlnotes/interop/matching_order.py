"""Pairs by order, if exactly one pairing is possible.

PyTorch code defines modules in an order in which they could be called: a module comes after those
whose outputs it takes. Parallel branches may come in either order, so a pairing counts only if it
is the only one that fits all shapes.
"""

from collections.abc import Mapping

from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.weight_groups import WeightGroup

_MANY = 64  # pairings: enough to show the ambiguity
_STEPS = 20_000


def signature(entry: WeightGroup | Module) -> tuple:
    return tuple(sorted(entry.shapes.items()))


def pairings(
    groups: list[WeightGroup],
    modules: list[Module],
    before: Mapping[WeightGroup, set[WeightGroup]],
    fixed: Mapping[Module, WeightGroup],
) -> list[dict[Module, WeightGroup]] | None:
    """Returns the first pairings of each module with a group, in the modules' order.

    Args:
        groups: of the Keras model, as many as there are modules.
        modules: in the order of their definition.
        before: the groups that each group needs before it.
        fixed: groups of modules that are known by name.

    Returns:
        The pairings, or None where looking for them would take too long.
    """
    taken = set(fixed.values())
    kinds: dict[tuple, list[WeightGroup]] = {}
    for group in groups:
        if group not in taken:
            kinds.setdefault(signature(group), []).append(group)
    found: list[dict[Module, WeightGroup]] = []
    dead: set[frozenset] = set()  # sets of groups after which no pairing was found
    steps = 0
    # one entry a module: the groups that it may still have, and the one that it has now
    path: list[WeightGroup] = []
    placed: set[WeightGroup] = set()
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
            group = options[-1].pop(0)
            path.append(group)
            placed.add(group)
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


def _options(modules, kinds, placed, before, fixed) -> list[WeightGroup]:
    """Returns the groups that the module may have after those that are placed."""
    if not modules:
        return []
    (module,) = modules
    alike = [fixed[module]] if module in fixed else kinds.get(signature(module), [])
    return [group for group in alike if group not in placed and before[group] <= placed]
