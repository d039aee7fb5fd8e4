"""What merging layers and plain operations see of their inputs."""

from typing import Any

from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.rules.table import Move, everything, keras_layers, operations, view
from keras_dlnotes.reports.costs.rules.views import reshape, shifted


def _shapes(input_shape: Any) -> list[tuple]:
    return input_shape if isinstance(input_shape, list) else [input_shape]


@view(
    *keras_layers("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
    *operations(
        *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "DivideNoNan", "Maximum"),
        *("Minimum", "Power", "Square", "Sqrt", "Rsqrt", "Reciprocal", "Negative", "Absolute"),
        *("Sign", "Exp", "Log", "Sin", "Cos", "Clip", "Floor", "Ceil", "Round", "Cast", "Copy"),
        *("Where", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
        *("Identity", "StopGradient", "ZerosLike", "OnesLike", "BatchNorm"),
        *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Softsign"),
        *("ReLU", "Squareplus", "SoftShrink", "SparsePlus", "TanhShrink", "Threshold"),
        *("SparseSigmoid", "HardTanh", "HardShrink"),
        *("Sigmoid", "HardSigmoid", "HardSilu", "LogSigmoid", "Tanh", "Celu"),
    ),
)
def elementwise(operation, input_shape, output_shape):
    """Each output sees its own position; a length of 1 is seen from all positions."""
    return [
        {
            axis: Move(axis + len(output_shape) - len(shape))
            if shape[axis] == output_shape[axis + len(output_shape) - len(shape)]
            else None
            for axis in range(len(shape))
        }
        for shape in _shapes(input_shape)
    ]


@view(*keras_layers("Concatenate"), *operations("Concatenate"))
def concatenate(operation, input_shape, output_shape):
    axis = operation.axis % len(output_shape)
    return {axis: None}


@view(*operations("Mean", "Sum", "Max", "Min", "Amax", "Amin", "Any", "All", "Var", "Std"))
def reduction(operation, input_shape, output_shape):
    axes = operation.axis
    if axes is None:
        return everything(operation, input_shape, output_shape)
    rank = len(input_shape)
    reduced = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    moves: dict[int, Move | None] = dict.fromkeys(reduced)
    for axis in set(range(rank)) - reduced:
        gone = 0 if operation.keepdims else sum(other < axis for other in reduced)
        moves[axis] = Move(axis - gone)
    return moves


@view(*operations("Softmax", "LogSoftmax", "Sparsemax", "Glu"))
def softmax(operation, input_shape, output_shape):
    axis = -1 if operation.axis is None else operation.axis
    axes = [axis] if isinstance(axis, int) else axis
    return {axis % len(input_shape): None for axis in axes}


@view(*operations("Matmul", "Dot", "Tensordot", "Einsum"))
def product(operation, input_shape, output_shape):
    """With a matrix of weights it mixes the last axis; of two tensors it may mix all."""
    shapes = _shapes(input_shape)
    if type(operation).__name__ in ("Matmul", "Dot") and len(shapes[1]) == 2 < len(shapes[0]):
        return {len(shapes[0]) - 1: None}
    return everything(operation, input_shape, output_shape)


view(*operations("Reshape", "Ravel"))(reshape)


@view(*operations("Transpose"))
def transpose(operation, input_shape, output_shape):
    axes = operation.axes or range(len(input_shape))[::-1]
    return {source: Move(target) for target, source in enumerate(axes)}


@view(*operations("Pad"))
def pad(operation, input_shape, output_shape):
    return shifted({axis: -before for axis, (before, _) in enumerate(operation.pad_width)})


@view(*operations("ExpandDims"))
def expand(operation, input_shape, output_shape):
    axes = [operation.axis] if isinstance(operation.axis, int) else operation.axis
    new = {axis % len(output_shape) for axis in axes}
    kept = [axis for axis in range(len(output_shape)) if axis not in new]
    return {source: Move(target) for source, target in enumerate(kept)}


def get_item(key: Any, input_shape: tuple) -> dict[int, Move | None] | None:
    """Returns the moves of `tensor[key]`; None for what is neither a slice nor a number.

    >>> get_item((slice(None), slice(1, None, 2)), (1, 8, 3))[1].first
    Progression(values=(1,), rise=2)
    """
    keys = list(key) if isinstance(key, tuple) else [key]
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        missing = len(input_shape) - sum(part not in (None, Ellipsis) for part in keys)
        keys[place : place + 1] = [slice(None)] * missing
    moves: dict[int, Move | None] = {}
    source = target = 0
    for part in keys:
        if part is None:
            target += 1
            continue
        if isinstance(part, slice):
            start, step = part.start or 0, part.step or 1
            if (start < 0 and input_shape[source] is None) or step < 0:
                return None
            seen = Progression.linear(step, start % (input_shape[source] or start + 1))
            moves[source] = Move(target, seen, seen)
            target += 1
        elif isinstance(part, int):
            moves[source] = None
        else:
            return None
        source += 1
    for rest in range(source, len(input_shape)):
        moves[rest] = Move(target + rest - source)
    return moves
