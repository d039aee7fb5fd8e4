"""Operations on each number alone: activations, arithmetic, comparisons, dropout."""

import keras
import torch
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, Free
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, together


def activation(name: str):
    """One of Keras's activations, as a layer named after PyTorch's module."""

    def convert(conversion, value) -> Value:
        value = conversion.value(value)
        return conversion.activation(value, keras.layers.Activation, activation=name)

    return convert


def unary(function):
    """`function(tensor, *arguments)`."""

    def convert(conversion, value, *arguments) -> Value:
        value = conversion.value(value)
        return value.with_tensor(function(value.tensor, *arguments))

    return convert


def gelu(conversion, value, approximate="none") -> Value:
    if approximate == "none":
        return activation("gelu")(conversion, value)
    return value.with_tensor(ops.gelu(value.tensor, approximate=True))


def hardtanh(conversion, value, low=-1.0, high=1.0) -> Value:
    if (low, high) == (0, 6):
        return activation("relu6")(conversion, value)
    return value.with_tensor(ops.clip(value.tensor, low, high))


def leaky_relu(conversion, value, slope=0.01) -> Value:
    return conversion.activation(value, keras.layers.LeakyReLU, negative_slope=slope)


def elu(conversion, value, alpha=1.0, scale=1, input_scale=1) -> Value:
    if (scale, input_scale) != (1, 1):
        raise UnsupportedError("a scaled elu")
    return conversion.activation(value, keras.layers.ELU, alpha=alpha)


def softplus(conversion, value, beta=1, threshold=20) -> Value:
    if beta * threshold < 15:
        raise UnsupportedError("a softplus with so low a threshold")
    return value.with_tensor(ops.softplus(value.tensor * beta) / beta)


def prelu(conversion, value, weight) -> Value:
    """max(x, 0) + a·min(x, 0), with one slope or one for each channel."""
    if not isinstance(weight, Free):
        raise UnsupportedError("a slope that is computed")
    channel = 1 if value.rank > 1 else 0
    value, place = value.one_dim(channel)
    shared = [n for n in range(1, len(value.dims)) if n != place or weight.tensor.numel() == 1]
    if place == 0:
        raise UnsupportedError("PReLU of features that are stored first")
    layer = conversion.layer(
        keras.layers.PReLU,
        weight.path.rpartition(".")[0],
        (weight,),
        shared_axes=shared or None,
    )
    result = value.with_tensor(conversion.apply(layer, value.tensor))
    conversion.place(layer, layer.alpha, weight)
    return result


def glu(conversion, value, axis=-1) -> Value:
    one, two = conversion.parts(value, axis, 2)
    return one.with_tensor(one.tensor * ops.sigmoid(two.tensor))


def binary(function, reverse: bool = False):
    """`function(one, two)` with broadcasting; `alpha` scales the second."""

    def convert(conversion, one, two, alpha=1, rounding_mode=None) -> Value:
        if rounding_mode is not None:
            raise UnsupportedError(f"rounding_mode={rounding_mode!r}")
        if alpha != 1:
            two = combined(conversion, ops.multiply, two, alpha)
        pair = (two, one) if reverse else (one, two)
        return combined(conversion, function, *pair)

    return convert


def combined(conversion: Conversion, function, *operands):
    """A function of values and numbers, broadcast as PyTorch does."""
    if all(isinstance(operand, int | float) for operand in operands):
        raise UnsupportedError("arithmetic of numbers alone")
    scalars = {n: _number(operand) for n, operand in enumerate(operands)}
    values = [conversion.value(operands[n]) for n, number in scalars.items() if number is None]
    if not all(isinstance(n, int | float | bool) for n in scalars.values() if n is not None):
        raise UnsupportedError("arithmetic with an open length")
    tensors, dims, axes = together(values)
    found = iter(tensors)
    arguments = [next(found) if number is None else number for number in scalars.values()]
    return Value(function(*arguments), dims, axes)


def _number(operand):
    """A number, also one in a tensor without axes; None for any other tensor."""
    if isinstance(operand, torch.Tensor) and operand.ndim == 0:
        return operand.item()
    return None if isinstance(operand, Value | Free | torch.Tensor) else operand


def clip(conversion, value, low=None, high=None) -> Value:
    tensor = value.tensor
    tensor = tensor if low is None else ops.maximum(tensor, low)
    return value.with_tensor(tensor if high is None else ops.minimum(tensor, high))


def where(conversion, condition, one, two) -> Value:
    return combined(conversion, ops.where, condition, one, two)


def masked_fill(conversion, value, mask, fill) -> Value:
    return combined(conversion, ops.where, mask, fill, value)


def addcmul(conversion, value, one, two, value_=1, **more) -> Value:
    if more.get("value", value_) != 1:
        raise UnsupportedError("a scaled addcmul")
    return combined(conversion, ops.add, value, combined(conversion, ops.multiply, one, two))


def dropout(conversion, value, rate, training) -> Value:
    """Also where the rate is 0, so that it can be changed."""
    if not training:
        return value
    return conversion.activation(value, keras.layers.Dropout, rate=rate)


def feature_dropout(conversion, value, rate, training) -> Value:
    """Whole channels at once."""
    if not training:
        return value
    value, place = value.one_dim(1)
    batch = [n for n, dim in enumerate(value.dims) if dim and set(dim) <= set(value.axes[0])]
    shape = [None if n in (place, *batch) else 1 for n in range(len(value.dims))]
    return conversion.activation(value, keras.layers.Dropout, rate=rate, noise_shape=shape)


def alpha_dropout(conversion, value, rate, training) -> Value:
    if not training:
        return value
    return conversion.activation(value, keras.layers.AlphaDropout, rate=rate)


def cast(conversion, value, *_, **__) -> Value:
    value = conversion.value(value)
    target = str(conversion.node.meta["val"].dtype).removeprefix("torch.")
    if keras.backend.standardize_dtype(value.tensor.dtype) == target:
        return value
    return value.with_tensor(ops.cast(value.tensor, target))


def softmax(function):
    def convert(conversion, value, axis, dtype=None) -> Value:
        value, place = value.one_dim(value.axis(axis))
        return value.with_tensor(function(value.tensor, axis=place))

    return convert


def same(conversion, value, *_, **__) -> Value:
    return conversion.value(value)


OPERATIONS = {
    **{
        name: activation(name)
        for name in ("relu", "relu6", "sigmoid", "tanh", "silu", "selu", "mish", "softsign")
    },
    "hardsigmoid": activation("hard_sigmoid"),
    "hardswish": activation("hard_silu"),
    "log_sigmoid": activation("log_sigmoid"),
    "tanhshrink": activation("tanh_shrink"),
    "gelu": gelu,
    "hardtanh": hardtanh,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "softplus": softplus,
    "prelu": prelu,
    "glu": glu,
    "hardshrink": unary(lambda x, a=0.5: ops.hard_shrink(x, a)),
    "softshrink": unary(lambda x, a=0.5: ops.soft_shrink(x, a)),
    "threshold": unary(lambda x, a, v: ops.where(x > a, x, v)),
    "exp": unary(ops.exp),
    "log": unary(ops.log),
    "log1p": unary(ops.log1p),
    "sqrt": unary(ops.sqrt),
    "rsqrt": unary(ops.rsqrt),
    "reciprocal": unary(ops.reciprocal),
    "neg": unary(ops.negative),
    "abs": unary(ops.abs),
    "sin": unary(ops.sin),
    "cos": unary(ops.cos),
    "erf": unary(ops.erf),
    "square": unary(ops.square),
    "floor": unary(ops.floor),
    "round": unary(ops.round),
    "bitwise_not": unary(ops.logical_not),
    "logical_not": unary(ops.logical_not),
    "detach": unary(ops.stop_gradient),
    "softmax": softmax(ops.softmax),
    "log_softmax": softmax(ops.log_softmax),
    "add": binary(ops.add),
    "sub": binary(ops.subtract),
    "rsub": binary(ops.subtract, reverse=True),
    "mul": binary(ops.multiply),
    "div": binary(ops.divide),
    "pow": binary(ops.power),
    "maximum": binary(ops.maximum),
    "minimum": binary(ops.minimum),
    "eq": binary(ops.equal),
    "ne": binary(ops.not_equal),
    "gt": binary(ops.greater),
    "ge": binary(ops.greater_equal),
    "lt": binary(ops.less),
    "le": binary(ops.less_equal),
    "logical_and": binary(ops.logical_and),
    "logical_or": binary(ops.logical_or),
    "clamp": clip,
    "clamp_min": clip,
    "clamp_max": lambda conversion, value, high: clip(conversion, value, None, high),
    "where": where,
    "masked_fill": masked_fill,
    "addcmul": addcmul,
    "dropout": dropout,
    "feature_dropout": feature_dropout,
    "alpha_dropout": alpha_dropout,
    "to": cast,
    "type_as": cast,
    **dict.fromkeys(["contiguous", "clone", "alias", "lift_fresh_copy"], same),
}
