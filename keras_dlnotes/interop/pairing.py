"""Which module of PyTorch belongs to which part of a Keras model."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from keras_dlnotes.checks import argument_error
from keras_dlnotes.interop.parts import Part

_RECURRENT = re.compile(r"((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+))?(_reverse)?")
_IGNORED = "num_batches_tracked"


@dataclass(eq=False)
class Module:
    """The tensors of one module, or of one level of a stacked recurrent one."""

    prefix: str
    level: str | None = None
    keys: dict[str, str] = field(default_factory=dict)  # the tensor's own name → its full name
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


def modules_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Module]:
    """Groups a state dict's tensors, in the order of its names."""
    modules: dict[tuple, Module] = {}
    for key, shape in shapes.items():
        prefix, _, name = key.rpartition(".")
        if name == _IGNORED:
            continue
        level = None
        recurrent = _RECURRENT.fullmatch(name)
        if recurrent:
            level = recurrent[2]
            name = recurrent[1] + (recurrent[3] or "")
        module = modules.setdefault((prefix, level), Module(prefix, level))
        module.keys[name], module.shapes[name] = key, tuple(shape)
    return list(modules.values())


def pair(parts: list[Part], modules: list[Module], names, ordered: bool):
    """Pairs of a part and a module; None stands where one of the two is missing.

    Args:
        parts: of the Keras model, in its order.
        modules: of the state dict.
        names: prefix → layer or layers, by name or path; the rest goes by order.
        ordered: whether the modules come in the order of their definition.
    """
    parts, modules, pairs = list(parts), list(modules), []
    # an inner prefix says more than an outer one
    for prefix in sorted(names or {}, key=lambda name: -name.count(".")):
        wanted = [module for module in modules if _is_within(module.prefix, prefix, ".")]
        if not wanted:
            present = sorted({module.prefix for module in modules})
            raise argument_error("names", f"of prefixes among {present}", prefix)
        layers = names[prefix]
        found = []
        for name in layers if isinstance(layers, list | tuple) else [layers]:
            inside = parts_at(parts, name)
            # several prefixes may share a layer of several parts: each takes the next ones
            found += inside[: len(wanted)] if isinstance(layers, str) else inside
        pairs += _in_order(found, wanted)
        parts = [part for part in parts if part not in found]
        modules = [module for module in modules if module not in wanted]
    return pairs + (_in_order if ordered else _by_shape)(parts, modules)


def parts_at(parts: list[Part], name: str) -> list[Part]:
    """The parts of the layer with this path, or this name where only one has it."""
    found = [part for part in parts if _is_within(part.path, name, "/")]
    if not found:
        found = [part for part in parts if f"/{name}/" in f"/{part.path}/"]
        owners = {f"/{part.path}/".partition(f"/{name}/")[0] for part in found}
        if len(owners) > 1:
            raise argument_error("names", f"of paths, since {len(owners)} layers are called", name)
    if not found:
        paths = [part.path for part in parts]
        raise argument_error("names", f"of layers that are free, among {paths}", name)
    return found


def _is_within(path: str, outer: str, separator: str) -> bool:
    return path == outer or path.startswith(outer + separator)


def _signature(entry) -> tuple:
    return tuple(sorted(entry.shapes.items()))


def _in_order(parts, modules):
    matcher = difflib.SequenceMatcher(
        None,
        [_signature(part) for part in parts],
        [_signature(module) for module in modules],
        autojunk=False,
    )
    pairs = []
    for _, first, last, start, stop in matcher.get_opcodes():
        pairs += zip_longest(parts[first:last], modules[start:stop])
    return pairs


def _by_shape(parts, modules):
    """For names that were sorted: equal shapes are told apart by the numbers in their names alone.

    `features.0` and `features.3` are in order whoever sorts them, `conv` and `downsample` are not.
    """
    kinds = {}
    for module in modules:
        kinds.setdefault(_signature(module), []).append(module)
    pairs, left = [], []
    for part in parts:
        alike = kinds.get(_signature(part), [])
        patterns = {re.sub(r"\d+", "#", module.prefix) for module in alike}
        if len(patterns) > 1:
            prefixes = ", ".join(module.prefix for module in alike)
            raise ValueError(
                f"The file keeps no order of its modules, and {prefixes} have equal shapes. Pass "
                "`names`, or the state dict itself, or a .pt file."
            )
        alike.sort(key=_natural)
        if alike:
            pairs.append((part, alike.pop(0)))
        else:
            left.append(part)
    return pairs + list(zip_longest(left, [module for alike in kinds.values() for module in alike]))


def _natural(module: Module):
    digits = re.compile(r"(\d+)").split(module.prefix)
    return [int(piece) if piece.isdigit() else piece for piece in digits], int(module.level or 0)
