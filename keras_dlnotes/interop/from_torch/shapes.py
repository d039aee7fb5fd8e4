"""Operations on axes: reshaping, joining, cutting, reductions."""

import math

import torch
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, Free
from keras_dlnotes.interop.from_torch.values import (
    UnsupportedError,
    Value,
    viewed,
)


def view(conversion: Conversion, value, *_, **__) -> Value:
    """`view`, `reshape`, `flatten`, `unflatten`: the result's shape says all."""
    return viewed(conversion.value(value), conversion.sizes())


def permute(conversion, value, order) -> Value:
    value = conversion.value(value)
    return value.with_axes(value.axes[value.axis(n)] for n in order)


def transpose(conversion, value, one=0, two=1) -> Value:
    value = conversion.value(value)
    axes = list(value.axes)
    one, two = value.axis(one), value.axis(two)
    axes[one], axes[two] = axes[two], axes[one]
    return value.with_axes(axes)


def matrix_transpose(conversion, value) -> Value:
    value = conversion.value(value)
    return value if value.rank < 2 else transpose(conversion, value, -2, -1)


def movedim(conversion, value, source, target) -> Value:
    value = conversion.value(value)
    sources = [value.axis(n) for n in _list(source)]
    targets = [value.axis(n) for n in _list(target)]
    rest = iter(n for n in range(value.rank) if n not in sources)
    order = [sources[targets.index(n)] if n in targets else next(rest) for n in range(value.rank)]
    return permute(conversion, value, order)


def _list(entry) -> list:
    return list(entry) if isinstance(entry, list | tuple) else [entry]


def unsqueeze(conversion, value, axis) -> Value:
    value = conversion.value(value)
    axis = axis % (value.rank + 1)
    return value.with_axes((*value.axes[:axis], (), *value.axes[axis:]))


def squeeze(conversion, value, axes=None) -> Value:
    value = conversion.value(value)
    chosen = range(value.rank) if axes is None else [value.axis(n) for n in _list(axes)]
    gone = {n for n in chosen if not value.axes[n]}
    return value.with_axes(axis for n, axis in enumerate(value.axes) if n not in gone)


def expand(conversion, value, *_, **__) -> Value:
    """Axes of length 1 become longer; nothing is copied until an operation needs the copies."""
    value, sizes = conversion.value(value), conversion.sizes()
    axes = ((),) * (len(sizes) - value.rank) + value.axes
    fresh = conversion.atoms(sizes)
    return value.with_axes(own or new for own, new in zip(axes, fresh, strict=True))


def repeat(conversion, value, counts) -> Value:
    value = conversion.value(value)
    value = value.with_axes(((),) * (len(counts) - value.rank) + value.axes)
    if all(count == 1 or not axis for count, axis in zip(counts, value.axes, strict=True)):
        return expand(conversion, value)
    for number, count in enumerate(counts):
        if not isinstance(count, int):
            raise UnsupportedError("an open number of copies")
        if count != 1:
            value, place = value.one_dim(number)
            tiles = [count if n == place else 1 for n in range(len(value.dims))]
            size = value.shape[number] * count
            tensor = ops.tile(value.tensor, tiles)
            value = conversion.with_length(value, tensor, number, place, size)
    return value


def roll(conversion, value, shifts, axes=()) -> Value:
    value = conversion.value(value)
    if not axes:
        raise UnsupportedError("a roll over all axes")
    for shift, axis in zip(_list(shifts), _list(axes), strict=True):
        value, place = value.one_dim(value.axis(axis))
        value = value.with_tensor(ops.roll(value.tensor, shift, axis=place))
    return value


def flip(conversion, value, axes) -> Value:
    for axis in _list(axes):
        value, place = value.one_dim(value.axis(axis))
        value = value.with_tensor(ops.flip(value.tensor, axis=place))
    return value


def index(conversion, value, indices) -> Value:
    """`x[:, numbers]`: numbers that are known, along one axis."""
    value = conversion.value(value)
    indices = [
        entry.tensor if isinstance(entry, Free) and not entry.is_trainable else entry
        for entry in indices
    ]
    given = [n for n, entry in enumerate(indices) if entry is not None]
    if len(given) != 1 or not isinstance(indices[given[0]], torch.Tensor):
        raise UnsupportedError("indices along several axes, or that are computed")
    axis, numbers = given[0], indices[given[0]]
    if numbers.dtype == torch.bool:
        numbers = numbers.nonzero()[:, 0]
    length = value.shape[axis]
    if not isinstance(length, int):
        raise UnsupportedError("indices of an open axis")
    numbers = torch.remainder(numbers, length).to(torch.int32)
    value, place = value.one_dim(axis)
    taken = ops.take(value.tensor, conversion.value(numbers.reshape(-1)).tensor, axis=place)
    flattened = conversion.with_length(value, taken, axis, place, numbers.numel())
    shape = conversion.sizes()
    return viewed(flattened, shape)


def reduction(function):
    def convert(conversion, value, axes=None, keepdim=False, **_) -> Value:
        value = conversion.value(value)
        chosen = {value.axis(n) for n in (range(value.rank) if axes in (None, []) else _list(axes))}
        atoms = [atom for n in chosen for atom in value.axes[n]]
        virtual = tuple((atom,) for atom in atoms if atom not in value.stored)
        value = value.arranged((*virtual, *value.dims)).separated(tuple(atoms))
        places = value.dims_within(atoms)
        tensor = function(value.tensor, axis=places) if places else value.tensor
        dims = tuple(dim for n, dim in enumerate(value.dims) if n not in places)
        kept = [() if n in chosen else a for n, a in enumerate(value.axes)]
        if not keepdim:
            kept = [a for n, a in enumerate(value.axes) if n not in chosen]
        return Value(tensor, dims, tuple(kept))

    return convert


def _deviation(squared: bool):
    def convert(conversion, value, axes=None, correction=1, keepdim=False, **more) -> Value:
        if isinstance(correction, bool):
            correction = int(correction)
        correction = more.get("unbiased", correction)
        count = math.prod(value.shape[value.axis(n)] for n in _list(axes or range(value.rank)))
        found = reduction(ops.var)(conversion, value, axes, keepdim)
        tensor = found.tensor * (count / (count - correction))
        return found.with_tensor(tensor if squared else ops.sqrt(tensor))

    return convert


def vector_norm(conversion, value, order=2, axes=None, keepdim=False, **_) -> Value:
    if order != 2:
        raise UnsupportedError(f"a norm of order {order}")

    def norm(tensor, axis):
        return ops.sqrt(ops.sum(ops.square(tensor), axis=axis))

    return reduction(norm)(conversion, value, axes, keepdim)


def _extreme(function, elementwise: str):
    """`max` and `min`: of all numbers, of two tensors, or along an axis, with positions."""

    def convert(conversion, value, axis=None, keepdim=False):
        if axis is None:
            return reduction(function)(conversion, value)
        if not isinstance(axis, int):
            return conversion.operations[elementwise](conversion, value, axis)
        return [reduction(function)(conversion, value, axis, keepdim)]

    return convert


def cumsum(conversion, value, axis, **_) -> Value:
    value, place = value.one_dim(value.axis(axis))
    return value.with_tensor(ops.cumsum(value.tensor, axis=place))


OPERATIONS = {
    **dict.fromkeys(
        ["view", "reshape", "flatten", "unflatten", "reshape_as", "view_as", "_unsafe_view"], view
    ),
    "permute": permute,
    **dict.fromkeys(["transpose", "swapaxes", "swapdims"], transpose),
    **dict.fromkeys(["t", "mT", "numpy_T"], matrix_transpose),
    **dict.fromkeys(["movedim", "moveaxis"], movedim),
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    **dict.fromkeys(["expand", "expand_as"], expand),
    "repeat": repeat,
    "roll": roll,
    "flip": flip,
    "index": index,
    "mean": reduction(ops.mean),
    "sum": reduction(ops.sum),
    "amax": reduction(ops.max),
    "max": _extreme(ops.max, "maximum"),
    "min": _extreme(ops.min, "minimum"),
    "amin": reduction(ops.min),
    "var": _deviation(squared=True),
    "std": _deviation(squared=False),
    "linalg_vector_norm": vector_norm,
    "cumsum": cumsum,
}
