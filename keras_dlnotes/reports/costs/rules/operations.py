"""What the operations of `keras.ops` cost and see, by the names of their classes.

They appear in a graph where tensors are added or multiplied without a layer, and in the `call` of a
custom layer.
"""

from math import prod
from typing import Any

from keras_dlnotes.reports.costs.rules.costs import einsum, free
from keras_dlnotes.reports.costs.rules.moves import Move, everything, shapes_of
from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.rules.table import Cost, Row, View, operation_keys
from keras_dlnotes.reports.costs.rules.views import concatenate, elementwise, reshape, shifted


def product_each(operation, input_shape, output_shape):
    """One product per element; a division counts as one."""
    return prod(output_shape)


def matrix_products(operation, input_shape, output_shape):
    """The length that is summed over, for each output."""
    return prod(output_shape) * input_shape[0][-1]


def dot_products(operation, input_shape, output_shape):
    """The length that is summed over, for each output; a number scales."""
    return prod(output_shape) * (input_shape[0] or (1,))[-1]


def einsum_products(operation, input_shape, output_shape):
    """One product for each combination of the indices."""
    return einsum(operation.subscripts.replace(" ", ""), shapes_of(input_shape))


def convolution_products(operation, input_shape, output_shape):
    """Every entry of the kernel for one output channel, for each output."""
    *_, kernel = input_shape
    return prod(output_shape) * prod(kernel[:-1])


def depthwise_products(operation, input_shape, output_shape):
    """Every entry of the window, for each output."""
    *_, kernel = input_shape
    return prod(output_shape) * prod(kernel[:-2])


def transposed_products(operation, input_shape, output_shape):
    """Every entry of the window and every output channel, for each input."""
    inputs, kernel = input_shape
    return prod(inputs) * prod(kernel[:-1])


def reduction(operation, input_shape, output_shape):
    axes = operation.axis
    if axes is None:
        return everything(operation, input_shape, output_shape)
    rank = len(input_shape)
    reduced = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    moves = dict.fromkeys(reduced)
    for axis in set(range(rank)) - reduced:
        gone = 0 if operation.keepdims else sum(other < axis for other in reduced)
        moves[axis] = Move(axis - gone)
    return moves


def along_axis(operation, input_shape, output_shape):
    axis = -1 if operation.axis is None else operation.axis
    axes = [axis] if isinstance(axis, int) else axis
    return {axis % len(input_shape): None for axis in axes}


def product(operation, input_shape, output_shape):
    """A product with a matrix mixes the last axis; one of two tensors may mix all axes."""
    shapes = shapes_of(input_shape)
    if type(operation).__name__ in ("Matmul", "Dot") and len(shapes[1]) == 2 < len(shapes[0]):
        return {len(shapes[0]) - 1: None}
    return everything(operation, input_shape, output_shape)


def transpose(operation, input_shape, output_shape):
    axes = operation.axes or range(len(input_shape))[::-1]
    return {source: Move(target) for target, source in enumerate(axes)}


def pad(operation, input_shape, output_shape):
    return shifted({axis: -before for axis, (before, _) in enumerate(operation.pad_width)})


def expand(operation, input_shape, output_shape):
    axes = [operation.axis] if isinstance(operation.axis, int) else operation.axis
    new = {axis % len(output_shape) for axis in axes}
    kept = [axis for axis in range(len(output_shape)) if axis not in new]
    return {source: Move(target) for source, target in enumerate(kept)}


def get_item(key: Any, input_shape: tuple) -> dict[int, Move | None] | None:
    """Returns the moves of `tensor[key]`; None if the key has more than slices and integers.

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


ELEMENTWISE = (
    *("Add", "Subtract", "Negative", "Absolute", "Sign", "Maximum", "Minimum", "Clip", "Floor"),
    *("Ceil", "Round", "Exp", "Log", "Sqrt", "Rsqrt", "Sin", "Cos", "Cast", "Copy", "Identity"),
    *("StopGradient", "ZerosLike", "OnesLike", "Where", "Equal", "NotEqual", "Greater"),
    *("GreaterEqual", "Less", "LessEqual", "BatchNorm", "Relu", "Relu6", "ReLU", "LeakyRelu"),
    *("Elu", "Selu", "Celu", "Gelu", "Silu", "Softplus", "Softsign", "Squareplus", "SoftShrink"),
    *("SparsePlus", "TanhShrink", "Threshold", "Sigmoid", "SparseSigmoid", "HardSigmoid"),
    *("LogSigmoid", "HardSilu", "HardTanh", "HardShrink", "Tanh"),
)
# those that move elements or compare them, whose view is not known
OTHERS = (
    *("Squeeze", "Stack", "Unstack", "Split", "Take", "TakeAlongAxis", "Slice", "SliceUpdate"),
    *("Flip", "Roll", "Rot90", "Repeat", "Tile", "BroadcastTo", "Moveaxis", "Swapaxes", "View"),
    *("Shape", "FullLike", "LogicalAnd", "LogicalOr", "LogicalNot", "Argmax", "Argmin", "Sort"),
    *("TopK", "OneHot", "MaxPool", "AveragePool", "Tril", "Triu", "Arange", "FloorDivide", "Mod"),
    "GetItem",  # its view is that of its key, see `get_item`
)
# names, cost, view
TABLE: list[tuple[tuple[str, ...], Cost | None, View | None]] = [
    (("Multiply", "Divide", "TrueDivide", "DivideNoNan"), product_each, elementwise),
    (("Square", "Reciprocal"), product_each, elementwise),
    (("Matmul",), matrix_products, product),
    (("Dot",), dot_products, product),
    (("Einsum",), einsum_products, product),
    (("Tensordot",), None, product),
    (("Conv",), convolution_products, None),
    (("DepthwiseConv",), depthwise_products, None),
    (("ConvTranspose",), transposed_products, None),
    (("Power",), None, elementwise),
    (ELEMENTWISE, free, elementwise),
    (("Sum", "Mean", "Max", "Min", "Amax", "Amin", "Any", "All"), free, reduction),
    (("Var", "Std"), None, reduction),
    (("Softmax", "LogSoftmax", "Sparsemax", "Glu"), free, along_axis),
    (("Concatenate",), free, concatenate),
    (("Reshape", "Ravel"), free, reshape),
    (("Transpose",), free, transpose),
    (("ExpandDims",), free, expand),
    (("Pad",), free, pad),
    (OTHERS, free, None),
]
ROWS: list[Row] = [(operation_keys(*names), cost, view) for names, cost, view in TABLE]
