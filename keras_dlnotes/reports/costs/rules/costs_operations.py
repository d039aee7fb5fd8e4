"""The multiplications of plain operations, those of `keras.ops`, by the names of their classes.

They stand in a graph where tensors are added or multiplied without a layer, and in the `call` of a
user's own layer.
"""

from math import prod

from keras_dlnotes.reports.costs.rules.costs import einsum
from keras_dlnotes.reports.costs.rules.table import operations, rule


@rule(*operations("Multiply", "Divide", "TrueDivide", "DivideNoNan", "Square", "Reciprocal"))
def elementwise(operation, input_shape, output_shape):
    """One product an element; a division counts as one."""
    return prod(output_shape)


@rule(*operations("Matmul"))
def matrix_product(operation, input_shape, output_shape):
    """The length that is summed over, for each output."""
    return prod(output_shape) * input_shape[0][-1]


@rule(*operations("Dot"))
def dot_product(operation, input_shape, output_shape):
    """The length that is summed over, for each output; a number scales."""
    return prod(output_shape) * (input_shape[0] or (1,))[-1]


@rule(*operations("Einsum"))
def einsum_of_two(operation, input_shape, output_shape):
    """One product for each combination of the indices."""
    shapes = input_shape if isinstance(input_shape, list) else [input_shape]
    return einsum(operation.subscripts.replace(" ", ""), shapes)


@rule(*operations("Conv"))
def convolution(operation, input_shape, output_shape):
    """Every tap and every input channel of a group, for each output; the kernel has both."""
    *_, kernel = input_shape
    return prod(output_shape) * prod(kernel[:-1])


@rule(*operations("DepthwiseConv"))
def depthwise_convolution(operation, input_shape, output_shape):
    """Every tap, for each output."""
    *_, kernel = input_shape
    return prod(output_shape) * prod(kernel[:-2])


@rule(*operations("ConvTranspose"))
def transposed_convolution(operation, input_shape, output_shape):
    """Every tap and every output channel, for each input."""
    inputs, kernel = input_shape
    return prod(inputs) * prod(kernel[:-1])


@rule(
    *operations(
        *("Add", "Subtract", "Negative", "Absolute", "Sign", "Sum", "Mean", "Max", "Min"),
        *("Maximum", "Minimum", "Clip", "Floor", "Ceil", "Round", "Any", "All", "Amax", "Amin"),
        *("Reshape", "Transpose", "Squeeze", "ExpandDims", "Concatenate", "Stack", "Split", "Pad"),
        *("GetItem", "Take", "TakeAlongAxis", "Slice", "SliceUpdate", "Flip", "Roll", "Repeat"),
        *("Tile", "BroadcastTo", "Moveaxis", "Swapaxes", "Unstack", "Ravel", "View", "Copy"),
        *("Cast", "Identity", "StopGradient", "Shape", "ZerosLike", "OnesLike", "FullLike"),
        *("Where", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"),
        *("LogicalAnd", "LogicalOr", "LogicalNot", "Argmax", "Argmin", "Sort", "TopK", "OneHot"),
        *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Gelu", "Silu", "Softplus", "Softsign"),
        *("ReLU", "Squareplus", "SoftShrink", "SparsePlus", "TanhShrink", "Threshold"),
        *("SparseSigmoid", "HardTanh", "HardShrink"),
        *(
            "Sparsemax",
            "Sigmoid",
            "HardSigmoid",
            "HardSilu",
            "LogSigmoid",
            "Tanh",
            "Softmax",
            "LogSoftmax",
        ),
        *("Exp", "Log", "Sqrt", "Rsqrt", "Sin", "Cos", "MaxPool", "AveragePool", "Glu", "Celu"),
        *("Tril", "Triu", "Arange", "FloorDivide", "Mod", "Flip", "BatchNorm", "Rot90"),
    )
)
def none(operation, input_shape, output_shape):
    """Sums, comparisons, activation functions, and what only moves elements."""
    return 0
