"""What each of Keras's layers sees of its inputs, axis by axis."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.rules.table import (
    Move,
    Moves,
    Shape,
    Window,
    by_rank,
    entries,
    everything,
    first_shape,
    keras_layers,
    position,
    spatial_axes,
    view,
)


def same_padding(length: int | None, size: int, stride: int) -> int:
    """Returns how much "same" pads before; an unknown length counts as a multiple of the stride."""
    if length is None:
        length = stride
    return max((-(-length // stride) - 1) * stride + size - length, 0) // 2


def _befores(padding: Any, count: int) -> list[int]:
    """Returns what explicit padding adds before each axis."""
    return [entry if isinstance(entry, int) else entry[0] for entry in entries(padding, count)]


def _sliding(layer: Any, shape: Shape, size: Any) -> Moves:
    axes = spatial_axes(layer, shape)
    count = len(axes)
    sizes, strides = entries(size, count), entries(layer.strides, count)
    dilations = entries(getattr(layer, "dilation_rate", 1), count)
    spans = [d * (k - 1) for k, d in zip(sizes, dilations, strict=True)]
    if layer.padding == "valid":
        befores = [0] * count
    elif layer.padding == "causal":
        befores = spans
    elif layer.padding == "same":
        befores = [
            same_padding(shape[axis], span + 1, stride)
            for axis, span, stride in zip(axes, spans, strides, strict=True)
        ]
    else:
        befores = _befores(layer.padding, count)
    return Window(sizes, strides, befores, dilations).moves(axes)


@view(*by_rank("Conv*", "DepthwiseConv*", "SeparableConv*"))
def convolution(layer, input_shape, output_shape):
    return _sliding(layer, input_shape, layer.kernel_size)


@view("keras_dlnotes>SpatiallySeparableConv2D")
def spatially_separable_convolution(layer, input_shape, output_shape):
    return _sliding(layer, input_shape, layer.kernel_size)


@view(*by_rank("MaxPooling*", "AveragePooling*"))
def pooling(layer, input_shape, output_shape):
    return _sliding(layer, input_shape, layer.pool_size)


def _spreading(layer: Any, shape: Shape, output_shape: Shape, size: Any) -> Moves:
    """The transpose of a window: output o sees the inputs i with o = i·s + u·d − p for a tap u."""
    axes = spatial_axes(layer, shape)
    count = len(axes)
    sizes, strides = entries(size, count), entries(layer.strides, count)
    dilations = entries(getattr(layer, "dilation_rate", 1), count)
    moves = {}
    for number, (axis, k, s, d) in enumerate(zip(axes, sizes, strides, dilations, strict=True)):
        span = d * (k - 1)
        if layer.padding == "valid":
            before = 0
        elif layer.padding == "same":
            full = span + 1 - s  # how much longer than s times the input it would be
            if shape[axis] is not None and output_shape[axis] is not None:
                full = (shape[axis] - 1) * s + span + 1 - output_shape[axis]
            before = max(full, 0) // 2
        else:
            before = _befores(layer.padding, count)[number]
        places = range(before, before + s)
        first = Progression(tuple(-(-(place - span) // s) for place in places), 1)
        last = Progression(tuple(place // s for place in places), 1)
        moves[axis] = Move(axis, first, last)
    return moves


@view(*by_rank("Conv*Transpose"))
def transposed_convolution(layer, input_shape, output_shape):
    return _spreading(layer, input_shape, output_shape, layer.kernel_size)


@view("keras_dlnotes>MaxUnpooling2D")
def unpooling(layer, input_shape, output_shape):
    return _spreading(layer, first_shape(input_shape), output_shape, layer.pool_size)


@view(*by_rank("UpSampling*"))
def up_sampling(layer, input_shape, output_shape):
    """Each output is a copy of one input or, if bilinear, the mean of the two nearest."""
    axes = spatial_axes(layer, input_shape)
    interpolation = getattr(layer, "interpolation", "nearest")
    if interpolation not in ("nearest", "bilinear"):
        return None
    moves = {}
    for axis, s in zip(axes, entries(layer.size, len(axes)), strict=True):
        first = last = Progression((0,) * s, 1)
        if interpolation == "bilinear" and s > 1:
            # the middle of output o lies at (o + ½)/s − ½ of the input
            first = Progression(tuple((2 * o + 1 - s) // (2 * s) for o in range(s)), 1)
            last = Progression(tuple(-(-(2 * o + 1 - s) // (2 * s)) for o in range(s)), 1)
        moves[axis] = Move(axis, first, last)
    return moves


def shifted(offsets: Mapping[int, int]) -> Moves:
    """Returns the moves that add an offset to the positions of some axes."""
    return {
        axis: Move(axis, Progression.linear(1, offset), Progression.linear(1, offset))
        for axis, offset in offsets.items()
    }


def _sides(value: Any, count: int) -> list[int]:
    pairs = [value] if count == 1 and isinstance(value[0], int) else value
    return [before for before, _ in pairs]


@view(*by_rank("ZeroPadding*"))
def zero_padding(layer, input_shape, output_shape):
    axes = spatial_axes(layer, input_shape)
    sides = _sides(layer.padding, len(axes))
    return shifted({axis: -side for axis, side in zip(axes, sides, strict=True)})


@view(*by_rank("Cropping*"))
def cropping(layer, input_shape, output_shape):
    axes = spatial_axes(layer, input_shape)
    return shifted(dict(zip(axes, _sides(layer.cropping, len(axes)), strict=True)))


# at inference
view(
    *by_rank("SpatialDropout*"),
    *keras_layers(
        *("Identity", "Masking", "RepeatVector", "Embedding", "ReLU", "LeakyReLU", "PReLU", "ELU"),
        *("Dropout", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
        *("BatchNormalization", "Normalization", "Rescaling", "Discretization", "Hashing"),
        *("IntegerLookup", "StringLookup", "RandomBrightness", "RandomColorDegeneration"),
        *("RandomColorJitter", "RandomContrast", "RandomElasticTransform", "RandomErasing"),
        *("RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue", "RandomInvert"),
        *("RandomPerspective", "RandomPosterization", "RandomRotation", "RandomSaturation"),
        *("RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom", "InputLayer"),
    ),
)(position)

view(
    *by_rank("GlobalMaxPooling*", "GlobalAveragePooling*", "ConvLSTM*"),
    *keras_layers("GroupNormalization", "RNN", "Bidirectional", "Dot"),
    *keras_layers("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention"),
)(everything)


@view(*keras_layers("Activation"))
def activation(layer, input_shape, output_shape):
    if layer.activation is keras.activations.softmax:
        return {len(input_shape) - 1: None}
    return {}


@view(*keras_layers("Dense"))
def dense(layer, input_shape, output_shape):
    return {len(input_shape) - 1: None}


@view(
    *keras_layers("Softmax", "LayerNormalization", "RMSNormalization", "UnitNormalization"),
)
def along_axes(layer, input_shape, output_shape):
    axes = layer.axis if isinstance(layer.axis, Sequence) else [layer.axis]
    return {axis % len(input_shape): None for axis in axes}


@view(*keras_layers("EinsumDense"))
def einsum_dense(layer, input_shape, output_shape):
    labels, result = layer.equation.split(",")[0], layer.equation.split("->")[1]
    moves = {}
    for axis in range(1, len(input_shape)):
        # counted from the end behind an ellipsis, which has a letter's place in front of it
        dots = labels.find("...")
        if dots >= 0 and axis < len(input_shape) - (len(labels) - dots - 3):
            continue
        label = labels[axis - len(input_shape)] if dots >= 0 else labels[axis]
        place = result.find(label)
        if place < 0:
            moves[axis] = None
        else:
            moves[axis] = Move(place - len(result) + len(output_shape) if dots >= 0 else place)
    return moves


@view(*keras_layers("Flatten", "Reshape"))
def reshape(layer, input_shape, output_shape):
    """Axes in front of the first that changes stay; the others are mixed."""
    mixed = 1
    for before, after in zip(input_shape[1:], output_shape[1:], strict=False):
        if before is None or before != after:
            break
        mixed += 1
    return {axis: None for axis in range(mixed, len(input_shape)) if input_shape[axis] != 1}


@view(*keras_layers("Permute"))
def permute(layer, input_shape, output_shape):
    return {source: Move(target) for target, source in enumerate(layer.dims, start=1)}
