"""Which modules and layers have the same name: `.`, `_` and `/` apart, and what is in front."""

import re
from collections import Counter

from keras_dlnotes.interop.modules import Module
from keras_dlnotes.interop.weight_groups import WeightGroup

Words = tuple[str, ...]


def words(name: str) -> Words:
    """Returns runs of letters and digits: `layer1.0.conv1` and `layer1_0/conv_1` have the same."""
    return tuple(re.findall(r"[^\W\d_]+|\d+", name.lower()))


def same_names(
    groups: list[WeightGroup], modules: list[Module]
) -> list[tuple[WeightGroup, Module]]:
    """Pairs equal names; then names of which one ends with the other, if all shapes are equal too.

    A name counts if it is unique on both sides.
    """
    ours = {group: {words(label) for label in group.labels} for group in groups}
    theirs = _without_common(modules)
    paths = [group.path for group in groups]
    exact = {}
    for group in groups:
        several = paths.count(group.path) > 1
        exact[group] = {words(group.path + (f".{group.number}" if several else ""))}
    if {name for (name,) in exact.values()} == set(theirs.values()) and len(groups) == len(modules):
        ours = exact  # even names that Keras generated, if all agree
    pairs = _unique(ours, theirs, lambda group, module, one, two: one == two)
    for group, module in pairs:
        del ours[group], theirs[module]
    ends = _unique(ours, theirs, _is_end)
    return pairs + ends


def _is_end(group, module, one: Words, two: Words) -> bool:
    count = min(len(one), len(two))
    return (
        one[-count:] == two[-count:]
        and any(word.isalpha() for word in one[-count:])
        and group.shapes == module.shapes
    )


def _unique(ours, theirs, agrees) -> list[tuple[WeightGroup, Module]]:
    found = [
        (group, module)
        for group, names in ours.items()
        for module, name in theirs.items()
        if any(one and name and agrees(group, module, one, name) for one in names)
    ]
    of_group, of_module = Counter(p for p, _ in found), Counter(m for _, m in found)
    return [(p, m) for p, m in found if of_group[p] == of_module[m] == 1]


def _without_common(modules: list[Module]) -> dict[Module, Words]:
    """Returns the words of each module's name, without the prefix that all share."""
    prefixes = [module.prefix for module in modules]
    paths = {module: module.prefix.split(".") for module in modules}
    while len({path[0] for path in paths.values()}) == 1 and all(
        len(path) > 1 for path in paths.values()
    ):
        paths = {module: path[1:] for module, path in paths.items()}
    names = {}
    for module, path in paths.items():
        several = prefixes.count(module.prefix) > 1
        names[module] = words(".".join([*path, module.level or "0"] if several else path))
    return names
