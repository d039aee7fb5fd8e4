"""Operations on axes: reshaping, moving, cutting, joining, reductions."""

import math
from dataclasses import replace

import torch
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, Free, enter
from keras_dlnotes.interop.from_torch.elementwise import cast, combined
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, joined, unified, viewed
from keras_dlnotes.ops.shapes import part_along


def _list(entry) -> list:
    return list(entry) if isinstance(entry, list | tuple) else [entry]


def view(c: Conversion, x, *_, **__) -> Value:
    """The shape of the call's result says all."""
    return viewed(x, c.sizes())


def moved(c: Conversion, x, *arguments) -> Value:
    """Axes in another order, those of length 1 added or left out: PyTorch shows it with marks."""
    marks = torch.empty([n + 2 if axis else 1 for n, axis in enumerate(x.axes)], device="meta")
    return x.with_axes(
        () if n == 1 else x.axes[n - 2] for n in c.node.target(marks, *arguments).shape
    )


def _shuffled(shape, order):
    """`x.view(shape(*x.shape, number)).permute(order)`, and a view of the call's shape."""

    def convert(c, x, number) -> Value:
        x = viewed(x, shape(*x.shape, number))
        return view(c, x.with_axes(x.axes[n] for n in order))

    return convert


def expand(c: Conversion, x, *_, **__) -> Value:
    """Axes of length 1 become longer; nothing is copied until an operation needs the copies."""
    sizes = c.sizes()
    axes = x.with_rank(len(sizes)).axes
    return x.with_axes(own or more for own, more in zip(axes, c.atoms(sizes), strict=True))


def repeat(c: Conversion, x, counts) -> Value:
    """Each axis becomes one of copies and the axis itself."""
    x = x.with_rank(len(counts))
    return x.with_axes((*n, *own) for n, own in zip(c.atoms(counts), x.axes, strict=True))


def along(c: Conversion, x, axes, *_, **__) -> Value:
    """One axis after the other, in the type of the result."""
    x = cast(c, x)
    for axis in _list(axes):
        x = c.along(x, axis, c.function)
    return x


def roll(c: Conversion, x, shifts, axes=()) -> Value:
    if not axes:
        raise UnsupportedError("a roll over all axes")
    for shift, axis in zip(_list(shifts), _list(axes), strict=True):
        x = c.along(x, axis, lambda tensor, n, shift=shift: ops.roll(tensor, shift, axis=n))
    return x


def index(c: Conversion, x, indices) -> Value:
    """`x[:, numbers]`: numbers that are known, along one axis."""
    given = [n for n, entry in enumerate(indices) if entry is not None]
    numbers, axis = indices[given[0]], given[0]
    if len(given) > 1 or not isinstance(numbers, Free) or numbers.is_trainable:
        raise UnsupportedError("indices along several axes, or that are computed")
    numbers, length = numbers.data, x.shape[axis]
    if numbers.dtype == torch.bool or not isinstance(length, int):
        raise UnsupportedError("a mask as the indices, or indices of an open axis")
    taken = Free(c, (numbers.reshape(-1) % length).int()).tensor
    size = numbers.numel()
    return view(c, c.along(x, axis, lambda tensor, n: ops.take(tensor, taken, axis=n), size))


def slice_(c: Conversion, x, axis=0, start=None, stop=None, step=1) -> Value:
    length = x.shape[axis]
    if not isinstance(length, int):
        if (start or 0) == 0 and step == 1 and c.sizes()[axis] == length:
            return x
        raise UnsupportedError("a part of an open axis")
    start, stop, step = slice(start, stop, step).indices(length)
    if (start, stop, step) == (0, length, 1):
        return x
    size, part = len(range(start, stop, step)), slice(start, stop, step)
    return c.along(x, axis, lambda tensor, n: part_along(tensor, n, part), size)


def written(c: Conversion, whole: Value, part: Value, axis=0, start=None, stop=None, step=1):
    """The whole after `whole[start:stop] = part` along an axis."""
    length = whole.shape[axis]
    if part.shape == whole.shape:
        return part
    if not isinstance(length, int) or step != 1:
        raise UnsupportedError("a change in place of a part of an open axis, or with a step")
    start, stop, _ = slice(start, stop).indices(length)
    before = [slice_(c, whole, axis, 0, start)] if start else []
    after = [slice_(c, whole, axis, stop, length)] if stop < length else []
    return cat(c, [*before, part, *after], axis)


def select(c, x, axis, number) -> Value:
    axis %= x.rank
    x = slice_(c, x, axis, number, number + 1 or None)
    return x.with_axes((*x.axes[:axis], *x.axes[axis + 1 :]))


def unbind(c: Conversion, x, axis=0) -> list[Value]:
    return [select(c, x, axis, number) for number in range(len(c.node.meta["val"]))]


def split(c: Conversion, x, _sizes, axis=0) -> list[Value]:
    """The parts that the call returns, as long as they are there."""
    start, found = 0, []
    for tensor in c.node.meta["val"]:
        length = tensor.shape[axis]
        if not isinstance(length, int):
            raise UnsupportedError("parts of an open axis")
        found.append(slice_(c, x, axis, start, start + length))
        start += length
    return found


def glu(c, x, axis=-1) -> Value:
    half = c.sizes()[axis]
    one, two = slice_(c, x, axis, 0, half), slice_(c, x, axis, half)
    return combined(ops.multiply, one, two.with_tensor(ops.sigmoid(two.tensor)))


def getitem(c, values, number) -> Value:
    if number >= len(values):
        raise UnsupportedError("a further result, such as positions")
    return values[number]


def cat(c: Conversion, values, axis=0) -> Value:
    values = [value for value in values if value.shape != (0,)]
    axis %= values[0].rank
    (whole,) = c.atoms([sum(value.shape[axis] for value in values)])
    # the axis has atoms of its own in each, which are hidden while the other axes are unified
    values = [value.renamed({a: replace(a) for a in value.axes[axis]}) for value in values]
    own = [value.axes[axis] for value in values]
    values = unified(value.with_axes(_with(value.axes, axis, ())) for value in values)
    largest = max(range(len(values)), key=lambda n: len(values[n].stored))
    base = values[largest].with_axes(_with(values[largest].axes, axis, own[largest]))
    base, place = base.one_dim(axis)
    axes = joined(values)
    virtual = [(atom,) for group in axes for atom in group if atom not in base.stored]
    dims, place = (*virtual, *base.dims), place + len(virtual)
    pairs = zip(values, own, strict=True)
    tensors = [value.arranged(_with(dims, place, atoms)).tensor for value, atoms in pairs]
    joint = ops.concatenate(tensors, axis=place)
    return Value(joint, _with(dims, place, whole), _with(axes, axis, whole))


def _with(groups, number, atoms) -> tuple:
    return (*groups[:number], atoms, *groups[number + 1 :])


def stack(c, values, axis=0) -> Value:
    axis %= values[0].rank + 1
    return cat(c, [v.with_axes((*v.axes[:axis], (), *v.axes[axis:])) for v in values], axis)


def _reduced(function, x: Value, axes, keepdim=False) -> Value:
    chosen = _chosen(x, axes)
    x, places = x.parted(atom for n in chosen for atom in x.axes[n])
    tensor = function(x.tensor, axis=places) if places else x.tensor
    dims = (dim for n, dim in enumerate(x.dims) if n not in places)
    kept = ((n, () if n in chosen else a) for n, a in enumerate(x.axes))
    return Value(tensor, dims, (a for n, a in kept if keepdim or n not in chosen))


def _chosen(x: Value, axes) -> set[int]:
    return {n % x.rank for n in (range(x.rank) if axes in (None, []) else _list(axes))}


def reduction(c: Conversion, x, axes=None, keepdim=False, **_) -> Value:
    return _reduced(c.function, x, axes, keepdim)


def extreme(c: Conversion, x, axis=None, keepdim=False):
    """Of all numbers, of two tensors, or along an axis, with positions."""
    if isinstance(axis, Value):
        return combined(ops.maximum if c.operation == "max" else ops.minimum, x, axis)
    found = _reduced(c.function, x, axis, keepdim)
    return found if axis is None else [found]


def variance(c: Conversion, x, axes=None, correction=1, keepdim=False) -> Value:
    axes, correction = (None, axes) if isinstance(axes, bool) else (axes, correction)
    count = math.prod(x.shape[n] for n in _chosen(x, axes)) if correction else 1
    if not isinstance(count, int):
        raise UnsupportedError("the unbiased variance of an open axis")
    found = _reduced(ops.var, x, axes, keepdim)
    tensor = found.tensor * (count / (count - correction)) if correction else found.tensor
    return found.with_tensor(tensor if c.operation == "var" else ops.sqrt(tensor))


def vector_norm(c, x, order=2, axes=None, keepdim=False, **_) -> Value:
    if order != 2:
        raise UnsupportedError(f"a norm of order {order}")
    found = _reduced(ops.sum, x.with_tensor(ops.square(x.tensor)), axes, keepdim)
    return found.with_tensor(ops.sqrt(found.tensor))


enter(
    {
        "view reshape flatten unflatten reshape_as view_as _unsafe_view": view,
        "permute transpose swapaxes swapdims t mT numpy_T movedim moveaxis": moved,
        "unsqueeze squeeze": moved,
        "pixel_shuffle": _shuffled(
            lambda n, c, h, w, r: (n, c // r**2, r, r, h, w), (0, 1, 4, 2, 5, 3)
        ),
        "pixel_unshuffle": _shuffled(
            lambda n, c, h, w, r: (n, c, h // r, r, w // r, r), (0, 1, 3, 5, 2, 4)
        ),
        "channel_shuffle": _shuffled(
            lambda n, c, *more: (n, more[-1], c // more[-1], math.prod(more[:-1])), (0, 2, 1, 3)
        ),
        "expand expand_as": expand,
        "repeat": repeat,
        "softmax log_softmax flip cumsum": along,
        "roll": roll,
        "index": index,
        "slice": slice_,
        "narrow": lambda c, x, axis, start, length: slice_(c, x, axis, start, start + length),
        "select": select,
        "unbind": unbind,
        "split split_with_sizes chunk tensor_split": split,
        "glu": glu,
        "getitem": getitem,
        "cat concat concatenate": cat,
        "stack": stack,
        "mean sum amax amin": reduction,
        "max min": extreme,
        "var std": variance,
        "linalg_vector_norm": vector_norm,
    }
)
