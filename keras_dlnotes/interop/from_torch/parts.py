"""Operations that join tensors along an axis, and that cut them."""

from keras import ops

from keras_dlnotes.interop.from_torch.shapes import unsqueeze
from keras_dlnotes.interop.from_torch.values import Atom, UnsupportedError, Value, unified


def cat(conversion, values, axis=0) -> Value:
    values = [conversion.value(value) for value in values]
    values = [v for v in values if not (v.rank == 1 and v.shape == (0,))]
    axis = values[0].axis(axis)
    sizes = [value.shape[axis] for value in values]
    largest = max(range(len(values)), key=lambda n: len(values[n].stored))
    order = [largest, *(n for n in range(len(values)) if n != largest)]
    lined = dict(zip(order, _in_line([values[n] for n in order], axis), strict=True))
    first, place = lined[largest].one_dim(axis)
    whole = tuple(dim for n, dim in enumerate(first.dims) if n != place)
    virtual = tuple((atom,) for a in first.axes for atom in a if atom not in first.stored)
    whole, place = (*virtual, *whole), place + len(virtual)
    tensors = []
    for n in range(len(values)):
        own = lined[n].axes[axis]
        tensors.append(lined[n].arranged((*whole[:place], own, *whole[place:])).tensor)
    (joined,) = conversion.atoms([sum(sizes)])
    axes = tuple(joined if n == axis else a for n, a in enumerate(first.axes))
    result = ops.concatenate(tensors, axis=place)
    return Value(result, (*whole[:place], joined, *whole[place:]), axes)


def _in_line(values, axis: int) -> list[Value]:
    """The values with the same atoms along all axes but one, where each has its own."""
    own = [value.axes[axis] for value in values]
    hidden = [
        value.with_axes(tuple(() if n == axis else a for n, a in enumerate(value.axes)))
        for value in values
    ]
    # atoms of the hidden axis stay in the dims; they are distinct from one value to the other
    fresh = []
    for value, atoms in zip(hidden, own, strict=True):
        by = {atom: (Atom(atom.size, atom.zeros),) for atom in atoms}
        dims = tuple(tuple(b for a in dim for b in by.get(a, (a,))) for dim in value.dims)
        fresh.append((Value(value.tensor, dims, value.axes), tuple(by[a][0] for a in atoms)))
    lined = unified([value for value, _ in fresh])
    return [
        value.with_axes(tuple(atoms if n == axis else a for n, a in enumerate(value.axes)))
        for value, (_, atoms) in zip(lined, fresh, strict=True)
    ]


def stack(conversion, values, axis=0) -> Value:
    axis = axis % (conversion.value(values[0]).rank + 1)
    return cat(conversion, [unsqueeze(conversion, value, axis) for value in values], axis)


def _cut(conversion, value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    value, place = value.one_dim(axis)
    index = [slice(None)] * len(value.dims)
    index[place] = slice(start, stop, step)
    size = len(range(start, stop, step))
    return conversion.with_length(value, value.tensor[tuple(index)], axis, place, size)


def slice_(conversion, value, axis=0, start=None, stop=None, step=1) -> Value:
    value = conversion.value(value)
    axis = value.axis(axis)
    length, after = value.shape[axis], conversion.sizes()[axis]
    if length == after:
        return value
    if not isinstance(length, int):
        raise UnsupportedError("a part of an open axis")
    start, stop, step = slice(start, stop, step).indices(length)
    return _cut(conversion, value, axis, start, stop, step)


def select(conversion, value, axis, number) -> Value:
    value = conversion.value(value)
    axis = value.axis(axis)
    return _without(_part(conversion, value, axis, number), axis)


def _part(conversion, value, axis, number) -> Value:
    length = value.shape[axis]
    if not isinstance(length, int):
        raise UnsupportedError("an entry of an open axis")
    number = number % length
    return value if length == 1 else _cut(conversion, value, axis, number, number + 1)


def _without(value: Value, axis: int) -> Value:
    return value.with_axes(a for n, a in enumerate(value.axes) if n != axis)


def pieces(conversion, value, axis: int, lengths) -> list[Value]:
    """The value cut along an axis into parts of these lengths."""
    value = conversion.value(value)
    axis, start, found = value.axis(axis), 0, []
    if sum(lengths) != value.shape[axis]:
        raise UnsupportedError("parts of an open axis")
    for length in lengths:
        found.append(_cut(conversion, value, axis, start, start + length))
        start += length
    return found if len(lengths) > 1 else [value]


def _of_results(conversion, value, axis) -> list[Value]:
    """The parts that the call returns, as long as they are there."""
    value = conversion.value(value)
    shapes = [tensor.shape for tensor in conversion.node.meta["val"]]
    lengths = [shape[value.axis(axis)] for shape in shapes]
    if not all(isinstance(length, int) for length in lengths):
        raise UnsupportedError("parts of an open axis")
    return pieces(conversion, value, axis, lengths)


def split(conversion, value, _sizes, axis=0) -> list[Value]:
    return _of_results(conversion, value, axis)


def unbind(conversion, value, axis=0) -> list[Value]:
    value = conversion.value(value)
    axis = value.axis(axis)
    count = value.shape[axis]
    if not isinstance(count, int):
        raise UnsupportedError("the entries of an open axis")
    return [_without(_part(conversion, value, axis, n), axis) for n in range(count)]


def getitem(conversion, values, number) -> Value:
    if number >= len(values):
        raise UnsupportedError("a further result, such as positions")
    return values[number]


OPERATIONS = {
    **dict.fromkeys(["cat", "concat", "concatenate"], cat),
    "stack": stack,
    "slice": slice_,
    "narrow": lambda c, value, axis, start, length: slice_(c, value, axis, start, start + length),
    "select": select,
    **dict.fromkeys(["split", "split_with_sizes", "chunk", "tensor_split"], split),
    "unbind": unbind,
    "getitem": getitem,
}
