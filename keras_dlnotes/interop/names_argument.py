"""The argument `names`: which PyTorch prefix is which layer, and the layout of its features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keras_dlnotes.common.checks import argument_error, is_integer
from keras_dlnotes.interop.layout import IDENTITY, Unknown
from keras_dlnotes.interop.layout_tracing import Layouts
from keras_dlnotes.interop.weight_groups import is_permuted

_EXPECTED = (
    "a dict of PyTorch prefixes to a layer's name, a list of them, or a dict of names to shapes"
)


@dataclass(frozen=True)
class Statement:
    """The user's layout of a layer's features: shapes of channels-last maps, IDENTITY, or None."""

    inputs: Any = None
    outputs: Any = None


@dataclass(frozen=True)
class Name:
    """One entry: a prefix, its layers, and whether they are in the order of PyTorch's modules."""

    prefix: str
    layers: tuple[str, ...]
    is_listed: bool
    statements: Mapping[str, Statement]


def read_names(names) -> list[Name]:
    """Checks the argument; longer prefixes come first, since they are more specific."""
    if names is None:
        return []
    if not isinstance(names, Mapping):
        raise argument_error("names", _EXPECTED, names)
    entries = [_read(prefix, value) for prefix, value in names.items()]
    return sorted(entries, key=lambda entry: -entry.prefix.count("."))


def _read(prefix, value) -> Name:
    layers = (value,) if isinstance(value, str) else value
    is_known = isinstance(layers, list | tuple | Mapping) and len(layers) > 0
    if not isinstance(prefix, str) or not is_known or not all(isinstance(n, str) for n in layers):
        raise argument_error("names", _EXPECTED, {prefix: value})
    statements = {}
    if isinstance(value, Mapping):
        statements = {name: _statement(entry) for name, entry in value.items()}
    is_listed = len(layers) > 1 or isinstance(value, list | tuple)
    return Name(prefix, tuple(layers), is_listed, statements)


def _statement(entry) -> Statement:
    if isinstance(entry, Mapping):
        if not entry or not set(entry) <= {"inputs", "outputs"}:
            expected = "with shapes for 'inputs' or 'outputs'"
            raise argument_error("names", expected, dict(entry))
        sides = {key: _maps(shape) for key, shape in entry.items()}
        return Statement(sides.get("inputs"), sides.get("outputs"))
    return Statement(_maps(entry))


def _maps(shape):
    if shape is None:
        return IDENTITY
    if isinstance(shape, list | tuple) and shape and all(is_integer(n) and n > 0 for n in shape):
        return tuple(int(size) for size in shape)
    expected = "with the shape (…, channels) that a layer's features have as maps, or None"
    raise argument_error("names", expected, shape)


def entries_at(entries: list, name: str) -> list:
    """Returns the entries of the layer with this path or name.

    Raises ValueError if there is none, or if several layers have the name.
    """
    found = [entry for entry in entries if is_within(entry.path, name, "/")]
    if not found:
        found = [entry for entry in entries if f"/{name}/" in f"/{entry.path}/"]
        owners = {f"/{entry.path}/".partition(f"/{name}/")[0] for entry in found}
        if len(owners) > 1:
            raise argument_error("names", f"of paths, since {len(owners)} layers are called", name)
    if not found:
        paths = list(dict.fromkeys(entry.path for entry in entries))
        raise argument_error("names", f"of layers that are free, among {paths}", name)
    return found


def is_within(path: str, outer: str, separator: str) -> bool:
    return not outer or path == outer or path.startswith(outer + separator)


def declare(names: list[Name], owners: list, layouts: Layouts) -> None:
    """Sets the layouts that the user gives by name."""
    for name in names:
        for layer, statement in name.statements.items():
            found = entries_at(owners, layer)
            if len(found) > 1:
                expected = "of single layers where a shape is given"
                raise argument_error("names", expected, layer)
            layer = found[0].layer
            for shape, outputs in ((statement.inputs, False), (statement.outputs, True)):
                if isinstance(shape, tuple) and not is_permuted(layer, outputs):
                    expected = f"None for {found[0].path}, whose weights follow no other order"
                    raise argument_error("names", expected, shape)
            layouts.declare(layer, statement.inputs, statement.outputs)


def check_layouts(pairs) -> None:
    """Raises if the layout of a layer's features is unknown, with what to pass instead."""
    rows = [
        f'    "{module.prefix}": {_asked(group)}: {group.unknown}'
        for group, module in pairs
        if group is not None and module is not None and isinstance(group.unknown, Unknown)
    ]
    if rows:
        raise ValueError(
            "PyTorch flattens feature maps channels first, and the order of these layers' features "
            "is unknown. Pass it by `names`: in place of … the shape (…, channels) that the "
            "features have in Keras as channels-last maps, or None if PyTorch has them in the same "
            "order. Register an elementwise layer of your own by `interop.rule`:\n"
            + "\n".join(dict.fromkeys(rows))
        )


def _asked(group) -> str:
    shape = "…" if is_permuted(group.layer, not group.of_inputs) else "None"
    shape = shape if group.of_inputs else f'{{"outputs": {shape}}}'
    return f'{{"{group.path}": {shape}}}'
