"""Which module of PyTorch belongs to which group of a Keras model: by name, else by order."""

import difflib
import re
from collections import Counter
from itertools import pairwise, zip_longest

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.interop.layout_tracing import Layouts
from keras_dlnotes.interop.matching_names import same_names, words
from keras_dlnotes.interop.matching_order import pairings, signature
from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.names_argument import Name, entries_at, is_within
from keras_dlnotes.interop.weight_groups import WeightGroup

Pairs = list[tuple[WeightGroup | None, Module | None]]


class Pairing:
    """Pairs groups and modules, with None for a missing one.

    Args:
        layouts: know which group precedes which.
        ordered: whether the modules come in the order of their definition.
        strict: whether every group has a module and every module a group.
    """

    def __init__(self, layouts: Layouts, ordered: bool, strict: bool):
        self.layouts, self.ordered, self.strict = layouts, ordered, strict

    def __call__(
        self, groups: list[WeightGroup], modules: list[Module], names: list[Name]
    ) -> Pairs:
        stated = self._stated(list(groups), list(modules), names)
        return stated + self._rest(groups, modules, stated)

    def _stated(self, groups, modules, names) -> Pairs:
        pairs: Pairs = []
        for name in names:
            wanted = [module for module in modules if is_within(module.prefix, name.prefix, ".")]
            if not wanted:
                present = sorted({module.prefix for module in modules})
                raise argument_error("names", f"of prefixes among {present}", name.prefix)
            found = [group for layer in name.layers for group in entries_at(groups, layer)]
            if name.is_listed:
                pairs += _in_turn(found, wanted)
            else:
                pairs += self._within(found, wanted)
            used = {id(entry) for pair in pairs for entry in pair}
            groups = [group for group in groups if id(group) not in used]
            modules = [module for module in modules if id(module) not in used]
        return pairs

    def _within(self, groups, modules) -> Pairs:
        """Pairs those below one prefix and one layer, which may have more groups than modules."""
        if len(modules) < len(groups):
            kinds = {signature(module) for module in modules}
            alike = [group for group in groups if signature(group) in kinds]
            groups = alike if alike else groups[: len(modules)]
            if len(groups) > len(modules):
                named = same_names(groups, modules)
                if len(named) < len(modules):
                    raise _open({module: groups for module in modules})
                return [*named]
        return self._rest(groups, modules, [])

    def _rest(self, groups, modules, stated: Pairs) -> Pairs:
        used = {id(entry) for pair in stated for entry in pair}
        free_groups = [group for group in groups if id(group) not in used]
        free_modules = [module for module in modules if id(module) not in used]
        named = same_names(free_groups, free_modules)
        free_groups = _without(free_groups, [group for group, _ in named])
        free_modules = _without(free_modules, [module for _, module in named])
        ours = Counter(map(signature, free_groups))
        theirs = Counter(map(signature, free_modules))
        left: Pairs = []
        if ours != theirs:
            if self.strict:
                return named + _in_turn(free_groups, free_modules)
            unequal = {kind for kind in ours if theirs[kind] and ours[kind] != theirs[kind]}
            alike = [module for module in free_modules if signature(module) in unequal]
            if alike:
                raise _open(_of_shape(free_groups, alike))
            left = [(group, None) for group in free_groups if not theirs[signature(group)]]
            left += [(None, module) for module in free_modules if not ours[signature(module)]]
            free_groups = [group for group in free_groups if theirs[signature(group)]]
            free_modules = [module for module in free_modules if ours[signature(module)]]
        if not free_modules:
            return named + left
        if self.ordered:
            pairs = self._by_order(stated, named, free_groups, free_modules, modules)
        else:
            pairs = self._by_number(free_groups, free_modules)
        if shifted := _shifted(named, pairs):
            raise _open(shifted)
        return named + left + pairs

    def _by_order(self, stated, named, groups, modules, every: list[Module]) -> Pairs:
        """Pairs by order if exactly one pairing fits, with the known pairs fixed."""
        found = None
        both = [(p, m) for p, m in stated if p and m]
        for known in (both + named, named):
            fixed = {module: group for group, module in known}
            row = [module for module in every if module in fixed or module in modules]
            every_group = groups + list(fixed.values())
            found = pairings(every_group, row, self._before(every_group), fixed)
            if found != []:
                break
        if found == []:  # the definitions are in another order: try shapes alone
            groups = groups + [group for group, _ in named]
            if all(len(some) == 1 for some in _of_shape(groups, modules).values()):
                return [(some[0], module) for module, some in _of_shape(groups, modules).items()]
        if found is None or found == []:
            raise _open(_of_shape(groups, modules))
        several = {
            module: [group for group in groups if any(one[module] is group for one in found)]
            for module in modules
        }
        several = {module: some for module, some in several.items() if len(some) > 1}
        pairs: Pairs = [(found[0][module], module) for module in modules]
        if several or (several := _out_of_turn(pairs)):
            raise _open(several)
        return pairs

    def _before(self, groups) -> dict[WeightGroup, set[WeightGroup]]:
        return {
            group: {other for other in groups if other.precedes(group, self.layouts)}
            for group in groups
        }

    def _by_number(self, groups, modules) -> Pairs:
        """For sorted names: modules of equal shapes are ordered by the numbers in their names.

        `features.0` and `features.3` are in order whoever sorts them, `conv` and `downsample` are
        not.
        """
        kinds: dict[tuple, list[Module]] = {}
        for module in modules:
            kinds.setdefault(signature(module), []).append(module)
        pairs: list = []
        several: dict[Module, list[WeightGroup]] = {}
        for kind, alike in kinds.items():
            some = [group for group in groups if signature(group) == kind]
            some.sort(key=lambda group: sum(o.precedes(group, self.layouts) for o in some))
            in_line = all(one.precedes(two, self.layouts) for one, two in pairwise(some))
            if len({_pattern(module) for module in alike}) > 1 or not in_line:
                several |= dict.fromkeys(alike, some)
            pairs += zip(some, sorted(alike, key=_natural), strict=True)
        if several:
            raise _open(several, "The file keeps no order of its modules. ")
        return pairs


def _without(entries: list, others: list) -> list:
    ids = set(map(id, others))
    return [entry for entry in entries if id(entry) not in ids]


def _of_shape(groups, modules) -> dict[Module, list[WeightGroup]]:
    return {m: [group for group in groups if signature(group) == signature(m)] for m in modules}


def _open(several: dict[Module, list[WeightGroup]], reason: str = "") -> ValueError:
    rows = [
        f'    "{module.prefix}": ' + " or ".join(dict.fromkeys(f'"{p.path}"' for p in some))
        for module, some in several.items()
    ]
    return ValueError(
        f"{reason}PyTorch's modules and the layers fit together in several ways. "
        "Pass by `names` which layers these modules are:\n" + "\n".join(dict.fromkeys(rows))
    )


def _in_turn(groups, modules) -> Pairs:
    """Pairs in turn; if shapes differ, aligned so that errors show the difference."""
    matcher = difflib.SequenceMatcher(
        None,
        [signature(group) for group in groups],
        [signature(m) for m in modules],
        autojunk=False,
    )
    pairs: Pairs = []
    for _, first, last, start, stop in matcher.get_opcodes():
        pairs += zip_longest(groups[first:last], modules[start:stop])
    return pairs


def _out_of_turn(pairs) -> dict[Module, list[WeightGroup]]:
    """Modules of equal shapes whose numbers are not in the order of their definition."""
    kinds: dict[tuple, list] = {}
    for group, module in pairs:
        kinds.setdefault((signature(module), _pattern(module)), []).append((group, module))
    several: dict[Module, list[WeightGroup]] = {}
    for alike in kinds.values():
        modules = [module for _, module in alike]
        if modules != sorted(modules, key=_natural):
            several |= {module: [group for group, _ in alike] for module in modules}
    return several


def _shifted(named, pairs) -> dict[Module, list[WeightGroup]]:
    """Modules whose names differ from their layers' in numbers alone, where others' are the same.

    One side may count from 0 and the other from 1.
    """
    patterns = {_numberless(module.prefix) for _, module in named}
    several: dict[Module, list[WeightGroup]] = {}
    for group, module in pairs:
        pattern = _numberless(module.prefix)
        labels = [label for label in group.labels if _numberless(label) == pattern]
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
