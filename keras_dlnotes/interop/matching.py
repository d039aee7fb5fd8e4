"""Which module of PyTorch belongs to which part of a Keras model: by name, else by order."""

import difflib
import re
from collections import Counter
from itertools import pairwise, zip_longest

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.names import same_names, words
from keras_dlnotes.interop.naming import Name, entries_at, is_within
from keras_dlnotes.interop.ordering import pairings, signature
from keras_dlnotes.interop.parts import Part
from keras_dlnotes.interop.tracing import Places

Pairs = list[tuple[Part | None, Module | None]]


class Pairing:
    """Pairs parts and modules; None stands where one of the two is missing.

    Args:
        places: tell which part comes before which.
        ordered: whether the modules come in the order of their definition.
        strict: whether every part has a module and every module a part.
    """

    def __init__(self, places: Places, ordered: bool, strict: bool):
        self.places, self.ordered, self.strict = places, ordered, strict

    def __call__(self, parts: list[Part], modules: list[Module], names: list[Name]) -> Pairs:
        stated = self._stated(list(parts), list(modules), names)
        return stated + self._rest(parts, modules, stated)

    def _stated(self, parts, modules, names) -> Pairs:
        pairs: Pairs = []
        for name in names:
            wanted = [module for module in modules if is_within(module.prefix, name.prefix, ".")]
            if not wanted:
                present = sorted({module.prefix for module in modules})
                raise argument_error("names", f"of prefixes among {present}", name.prefix)
            found = [part for layer in name.layers for part in entries_at(parts, layer)]
            if name.is_listed:
                pairs += _in_turn(found, wanted)
            else:
                pairs += self._within(found, wanted)
            used = {id(entry) for pair in pairs for entry in pair}
            parts = [part for part in parts if id(part) not in used]
            modules = [module for module in modules if id(module) not in used]
        return pairs

    def _within(self, parts, modules) -> Pairs:
        """Below one prefix and one layer; the prefix may stand for some of its parts."""
        if len(modules) < len(parts):
            kinds = {signature(module) for module in modules}
            alike = [part for part in parts if signature(part) in kinds]
            parts = alike if alike else parts[: len(modules)]
            if len(parts) > len(modules):
                named = same_names(parts, modules)
                if len(named) < len(modules):
                    raise _open({module: parts for module in modules})
                return named
        return self._rest(parts, modules, [])

    def _rest(self, parts, modules, stated: Pairs) -> Pairs:
        used = {id(entry) for pair in stated for entry in pair}
        free_parts = [part for part in parts if id(part) not in used]
        free_modules = [module for module in modules if id(module) not in used]
        named = same_names(free_parts, free_modules)
        free_parts = _without(free_parts, [part for part, _ in named])
        free_modules = _without(free_modules, [module for _, module in named])
        ours = Counter(map(signature, free_parts))
        theirs = Counter(map(signature, free_modules))
        left: Pairs = []
        if ours != theirs:
            if self.strict:
                return named + _in_turn(free_parts, free_modules)
            unequal = {kind for kind in ours if theirs[kind] and ours[kind] != theirs[kind]}
            alike = [module for module in free_modules if signature(module) in unequal]
            if alike:
                raise _open(_of_shape(free_parts, alike))
            left = [(part, None) for part in free_parts if not theirs[signature(part)]]
            left += [(None, module) for module in free_modules if not ours[signature(module)]]
            free_parts = [part for part in free_parts if theirs[signature(part)]]
            free_modules = [module for module in free_modules if ours[signature(module)]]
        if not free_modules:
            return named + left
        if self.ordered:
            pairs = self._by_order(stated, named, free_parts, free_modules, modules)
        else:
            pairs = self._by_number(free_parts, free_modules)
        if shifted := _shifted(named, pairs):
            raise _open(shifted)
        return named + left + pairs

    def _by_order(self, stated, named, parts, modules, every: list[Module]) -> Pairs:
        """Where it leaves one pairing alone, with what is known already in its place."""
        found = None
        both = [(p, m) for p, m in stated if p and m]
        for known in (both + named, named):
            fixed = {module: part for part, module in known}
            row = [module for module in every if module in fixed or module in modules]
            every_part = parts + list(fixed.values())
            found = pairings(every_part, row, self._before(every_part), fixed)
            if found != []:
                break
        if found == []:  # the definitions are in another order: shapes alone can tell
            parts = parts + [part for part, _ in named]
            if all(len(some) == 1 for some in _of_shape(parts, modules).values()):
                return [(some[0], module) for module, some in _of_shape(parts, modules).items()]
        if found is None or found == []:
            raise _open(_of_shape(parts, modules))
        several = {
            module: [part for part in parts if any(one[module] is part for one in found)]
            for module in modules
        }
        several = {module: some for module, some in several.items() if len(some) > 1}
        pairs = [(found[0][module], module) for module in modules]
        if several or (several := _out_of_turn(pairs)):
            raise _open(several)
        return pairs

    def _before(self, parts) -> dict[Part, set[Part]]:
        return {
            part: {other for other in parts if other.precedes(part, self.places)} for part in parts
        }

    def _by_number(self, parts, modules) -> Pairs:
        """For names that were sorted: equal shapes are told apart by numbers in their names alone.

        `features.0` and `features.3` are in order whoever sorts them, `conv` and `downsample` are
        not.
        """
        kinds: dict[tuple, list[Module]] = {}
        for module in modules:
            kinds.setdefault(signature(module), []).append(module)
        pairs, several = [], {}
        for kind, alike in kinds.items():
            some = [part for part in parts if signature(part) == kind]
            some.sort(key=lambda part: sum(o.precedes(part, self.places) for o in some))
            in_line = all(one.precedes(two, self.places) for one, two in pairwise(some))
            if len({_pattern(module) for module in alike}) > 1 or not in_line:
                several |= dict.fromkeys(alike, some)
            pairs += zip(some, sorted(alike, key=_natural), strict=True)
        if several:
            raise _open(several, "The file keeps no order of its modules. ")
        return pairs


def _without(entries: list, others: list) -> list:
    ids = set(map(id, others))
    return [entry for entry in entries if id(entry) not in ids]


def _of_shape(parts, modules) -> dict[Module, list[Part]]:
    return {m: [part for part in parts if signature(part) == signature(m)] for m in modules}


def _open(several: dict[Module, list[Part]], reason: str = "") -> ValueError:
    rows = [
        f'    "{module.prefix}": ' + " or ".join(dict.fromkeys(f'"{p.path}"' for p in some))
        for module, some in several.items()
    ]
    return ValueError(
        f"{reason}PyTorch's modules and the layers fit together in several ways. "
        "Say by `names` which layers these modules are:\n" + "\n".join(dict.fromkeys(rows))
    )


def _in_turn(parts, modules) -> Pairs:
    """One after the other; where shapes differ, so that errors show what is between equal ones."""
    matcher = difflib.SequenceMatcher(
        None, [signature(part) for part in parts], [signature(m) for m in modules], autojunk=False
    )
    pairs: Pairs = []
    for _, first, last, start, stop in matcher.get_opcodes():
        pairs += zip_longest(parts[first:last], modules[start:stop])
    return pairs


def _out_of_turn(pairs) -> dict[Module, list[Part]]:
    """Modules of equal shapes whose numbers are not in the order of their definition."""
    kinds: dict[tuple, list] = {}
    for part, module in pairs:
        kinds.setdefault((signature(module), _pattern(module)), []).append((part, module))
    several = {}
    for alike in kinds.values():
        modules = [module for _, module in alike]
        if modules != sorted(modules, key=_natural):
            several |= {module: [part for part, _ in alike] for module in modules}
    return several


def _shifted(named, pairs) -> dict[Module, list[Part]]:
    """Modules whose names differ from their layers' in numbers alone, where others' are the same.

    One side may count from 0 and the other from 1.
    """
    patterns = {_numberless(module.prefix) for _, module in named}
    several = {}
    for part, module in pairs:
        pattern = _numberless(module.prefix)
        labels = [label for label in part.labels if _numberless(label) == pattern]
        if labels and pattern in patterns and any(word.isalpha() for word in pattern):
            both = [pair for pair in (*named, *pairs) if _numberless(pair[1].prefix) == pattern]
            several |= {one: [p for p, _ in both] for _, one in both}
    return several


def _numberless(name: str) -> tuple[str, ...]:
    return tuple("#" if word.isdigit() else word for word in words(name))


def _pattern(module: Module) -> str:
    return re.sub(r"\d+", "#", module.prefix)


def _natural(module: Module):
    digits = re.compile(r"(\d+)").split(module.prefix)
    return [int(piece) if piece.isdigit() else piece for piece in digits], int(module.level or 0)
