"""Operations on each number alone: activations, arithmetic, comparisons, dropout."""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from keras_dlnotes.interop.from_torch.conversion import Conversion, enter, named
from keras_dlnotes.interop.from_torch.reading import type_of
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, together


def combined(function, *operands) -> Value:
    """A function of values and numbers, broadcast as PyTorch does."""
    values = [operand for operand in operands if isinstance(operand, Value)]
    if not all(isinstance(operand, Value | int | float) for operand in operands):
        raise UnsupportedError("arithmetic with an open length")
    if not values:
        raise UnsupportedError("arithmetic of numbers alone")
    tensors, dims, axes = together(values)
    found = iter(tensors)
    arguments = [next(found) if isinstance(one, Value) else one for one in operands]
    return Value(function(*arguments), dims, axes)


def activation(c: Conversion, x) -> Value:
    return c.plain(keras.layers.Activation, x, activation=c.keras_name)


def unary(c: Conversion, x, *arguments) -> Value:
    return x.with_tensor(c.function(x.tensor, *arguments))


def binary(c: Conversion, one, two, alpha=1, rounding_mode=None):
    if rounding_mode is not None:
        raise UnsupportedError(f"rounding_mode={rounding_mode!r}")
    if isinstance(one, Noise) or isinstance(two, Noise):
        return _noisy(c, one, two)
    one, two = (two, one) if c.operation == "rsub" else (one, two)
    return combined(c.function, one, two if alpha == 1 else combined(ops.multiply, two, alpha))


def hardtanh(c: Conversion, x, low=-1.0, high=1.0) -> Value:
    if (low, high) == (0, 6):
        return c.plain(keras.layers.Activation, x, activation="relu6")
    return x.with_tensor(ops.clip(x.tensor, low, high))


def _layer(kind, **defaults):
    """A layer with PyTorch's arguments, in its order."""
    return lambda c, x, *more: c.plain(kind, x, **{**defaults, **named([*defaults], more)})


def softplus(c, x, beta=1, threshold=20) -> Value:
    if beta * threshold < 15:
        raise UnsupportedError("a softplus with so low a threshold")
    return x.with_tensor(ops.softplus(x.tensor * beta) / beta)


def clip(c, x, low=None, high=None) -> Value:
    x = x if low is None else combined(ops.maximum, x, low)
    return x if high is None else combined(ops.minimum, x, high)


def bitwise_not(c, x) -> Value:
    is_bool = keras.backend.standardize_dtype(x.tensor.dtype) == "bool"
    return x.with_tensor((ops.logical_not if is_bool else ops.bitwise_not)(x.tensor))


def cast(c: Conversion, x, *_, **__) -> Value:
    target = type_of(c.node.meta["val"])
    is_same = keras.backend.standardize_dtype(x.tensor.dtype) == target
    return x if is_same else x.with_tensor(ops.cast(x.tensor, target))


def dropout(c: Conversion, x, rate, training) -> Value:
    """Also where the rate is 0, so that it can be changed; of whole channels by its noise shape."""
    if not training:
        return x
    if c.operation == "feature_dropout":
        return _dropped(c, x, rate, 2)
    is_alpha = c.operation == "alpha_dropout"
    return c.plain(keras.layers.AlphaDropout if is_alpha else keras.layers.Dropout, x, rate=rate)


def _dropped(c: Conversion, x: Value, rate: float, kept: int) -> Value:
    """Dropout that is drawn along the axes before `kept` alone."""
    x, own = x.parted(atom for axis in x.axes[:kept] for atom in axis)
    shape = [None if n in own else 1 for n in range(len(x.dims))]
    return c.plain(keras.layers.Dropout, x, rate=rate, noise_shape=shape)


@dataclass
class Noise:
    """Zeros and ones of a shape, drawn with the probability `kept` of a one, and divided by it."""

    shape: tuple
    kept: Any = None
    is_scaled: bool = False


def bernoulli(c, noise, kept) -> Noise:
    if not isinstance(noise, Noise) or not isinstance(kept, float):
        raise UnsupportedError("random numbers")
    return Noise(noise.shape, kept)


def _noisy(c: Conversion, one, two):
    """Stochastic depth, x · noise / p: dropout of whole examples, which divides by p, too."""
    noise, other = (one, two) if isinstance(one, Noise) else (two, one)
    if c.operation == "div" and noise is one and noise.kept == other and not noise.is_scaled:
        return Noise(noise.shape, noise.kept, is_scaled=True)
    each = (other.shape[0], *(1,) * (other.rank - 1)) if isinstance(other, Value) else ()
    if c.operation != "mul" or not noise.is_scaled or noise.shape != each:
        raise UnsupportedError("random numbers other than one for each example, divided by p")
    return _dropped(c, other, 1 - noise.kept, 1)


enter(
    {
        "relu relu6 sigmoid tanh silu selu mish softsign log_sigmoid hardsigmoid": activation,
        "hardswish tanhshrink": activation,
        "exp log log1p sqrt rsqrt reciprocal abs sin cos erf square floor round neg": unary,
        "logical_not detach hardshrink softshrink threshold": unary,
        "add sub rsub mul div pow eq ne gt ge lt le maximum minimum": binary,
        "logical_and logical_or": binary,
        "gelu": lambda c, x, approximate="none": (
            unary(c, x, True) if approximate == "tanh" else activation(c, x)
        ),
        "hardtanh": hardtanh,
        "leaky_relu": _layer(keras.layers.LeakyReLU, negative_slope=0.01),
        "elu": _layer(keras.layers.ELU, alpha=1.0),
        "softplus": softplus,
        "clamp clamp_min": clip,
        "clamp_max": lambda c, x, high: clip(c, x, None, high),
        "bitwise_not": bitwise_not,
        "where": lambda c, condition, one, two: combined(ops.where, condition, one, two),
        "masked_fill": lambda c, x, mask, fill: combined(ops.where, mask, fill, x),
        "addcmul": lambda c, x, one, two: combined(ops.add, x, combined(ops.multiply, one, two)),
        "zero fill": lambda c, x, number=0: x.with_tensor(ops.full_like(x.tensor, number)),
        "to type_as": cast,
        "contiguous clone alias lift_fresh_copy": lambda c, x, *_, **__: x,
        "dropout alpha_dropout feature_dropout": dropout,
        "empty new_empty": lambda c, *_, **__: Noise(c.sizes()),
        "bernoulli": bernoulli,
    }
)
