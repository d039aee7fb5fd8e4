"""Stochastic depth: noise of one number an example, drawn in training alone."""

import keras

from keras_dlnotes.interop.from_torch.elementwise import OPERATIONS as ELEMENTWISE
from keras_dlnotes.interop.from_torch.values import UnsupportedError


class Noise:
    """Zeros and ones of a shape, drawn with the probability `kept` of a one, and divided by it."""

    def __init__(self, shape, kept=None, is_scaled=False):
        self.shape, self.kept, self.is_scaled = tuple(shape), kept, is_scaled


def empty(conversion, *_, **__) -> Noise:
    return Noise(conversion.sizes())


def bernoulli(conversion, noise, probability) -> Noise:
    if not isinstance(noise, Noise) or not isinstance(probability, float):
        raise UnsupportedError("random numbers")
    return Noise(noise.shape, probability)


def divide(conversion, one, two, **more):
    if not isinstance(one, Noise):
        return ELEMENTWISE["div"](conversion, one, two, **more)
    if one.kept is None or one.kept != two:
        raise UnsupportedError("random numbers of another scale")
    return Noise(one.shape, one.kept, is_scaled=True)


def multiply(conversion, one, two):
    """x · noise / p as dropout of whole examples, which divides by p, too."""
    if isinstance(one, Noise):
        one, two = two, one
    if not isinstance(two, Noise):
        return ELEMENTWISE["mul"](conversion, one, two)
    value, lengths = conversion.value(one), two.shape
    each = len(lengths) == value.rank and lengths[0] == value.shape[0]
    if not two.is_scaled or not each or any(n != 1 for n in lengths[1:]):
        raise UnsupportedError("random numbers other than one for each example")
    value = value.separated(value.axes[0])
    batch = value.dims_within(value.axes[0])
    shape = [None if n in batch else 1 for n in range(len(value.dims))]
    rate = 1 - two.kept
    return conversion.activation(value, keras.layers.Dropout, rate=rate, noise_shape=shape)


OPERATIONS = {
    **dict.fromkeys(["empty", "new_empty"], empty),
    "bernoulli": bernoulli,
    "div": divide,
    "mul": multiply,
}
