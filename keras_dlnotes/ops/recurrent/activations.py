"""The activations that recurrent steps differentiate by their output y = φ(a) alone.

tanh′ = 1 − y²      sigmoid′ = y(1 − y)      hard_sigmoid′ = ⅙ [0 < y < 1]
linear′ = 1         relu′ = [y > 0]          softsign′ = (1 − |y|)²

A sigmoid near 0 keeps all its digits, and so does its derivative: σ(−62) is 1.2e−27. Near 1, where
y has steps of 6e−8 in single precision, σ′ is exact to one of these steps, and 0 from a = 17 on;
the same holds for tanh near ±1, from |a| = 9 on. Frameworks differentiate alike.
"""

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops.backends.current import framework


def _where(condition, value):
    return ops.cast(condition, value.dtype)


_KNOWN = {
    "tanh": (ops.tanh, lambda y: 1 - y * y),
    "sigmoid": (ops.sigmoid, lambda y: y * (1 - y)),
    "hard_sigmoid": (ops.hard_sigmoid, lambda y: _where((y > 0) & (y < 1), y) / 6),
    "linear": (lambda a: a, ops.ones_like),
    "relu": (ops.relu, lambda y: _where(y > 0, y)),
    "softsign": (ops.softsign, lambda y: ops.square(1 - ops.abs(y))),
}


def resolve_activation(activation, argument="activation"):
    """Returns the name of an activation of the table, and any other one as a function."""
    try:
        function = keras.activations.get(activation)
    except (TypeError, ValueError) as error:
        expected = "None, a function, or the name of one in keras.activations"
        raise argument_error(argument, expected, activation) from error
    return next((name for name in _KNOWN if keras.activations.get(name) is function), function)


def is_known(activation) -> bool:
    """Whether `derivative` knows the activation."""
    return isinstance(activation, str)


def activate(activation, a):
    """y = φ(a), for what `resolve_activation` returns."""
    return _KNOWN[activation][0](a) if is_known(activation) else activation(a)


def derivative(activation: str, y):
    """φ′(a), from y = φ(a)."""
    return _KNOWN[activation][1](y)


def activate_blocks(activations, a):
    """y = φ(a) of each of the blocks side by side, (…, count · units), for inference.

    On TensorFlow by one tanh for all of them, σ(a) = ½ tanh(a/2) + ½: the shortest pass there,
    which cuts a sigmoid near 0 off at 6e−8. JAX also comes here in training, where no gradient is
    taken.
    """
    if not are_smooth(activations) or not framework().compiles_each_op:
        return output_blocks(activations, saved_blocks(activations, a), tanh_blocks(activations, a))
    scale = (1 + _is_tanh(activations, a)) / 2
    return ops.split(scale * ops.tanh(scale * a) + (1 - scale), len(activations), axis=-1)


def saved_blocks(activations, a):
    """What `output_blocks` and `derivative_blocks` need of the blocks side by side.

    One sigmoid for all of them, of 2a where the function is tanh, for tanh(a) = 2σ(2a) − 1. For
    other functions it is y = φ(a) of each block.
    """
    if are_smooth(activations):
        return ops.sigmoid((1 + _is_tanh(activations, a)) * a)
    return ops.concatenate(_each(activate, activations, a), axis=-1)


def tanh_blocks(activations, a):
    """The blocks of tanh, for `output_blocks`: near 0, 2σ − 1 would have lost their digits."""
    if not are_smooth(activations):
        return []
    blocks = zip(activations, ops.split(a, len(activations), axis=-1), strict=True)
    return [ops.tanh(block) for name, block in blocks if name == "tanh"]


def output_blocks(activations, saved, of_tanh):
    """y = φ(a) of each block, from `saved_blocks` and `tanh_blocks`."""
    blocks = ops.split(saved, len(activations), axis=-1)
    if not are_smooth(activations):
        return blocks
    of_tanh = iter(of_tanh)
    pairs = zip(activations, blocks, strict=True)
    return [next(of_tanh) if name == "tanh" else block for name, block in pairs]


def derivative_blocks(activations, saved):
    """φ′(a) of all blocks side by side, from `saved_blocks`."""
    if are_smooth(activations):
        return (1 + 3 * _is_tanh(activations, saved)) * saved * (1 - saved)
    return ops.concatenate(_each(derivative, activations, saved), axis=-1)


def _each(function, activations, blocks):
    blocks = zip(activations, ops.split(blocks, len(activations), axis=-1), strict=True)
    return [function(name, block) for name, block in blocks]


def are_smooth(activations) -> bool:
    """Whether all are tanh or sigmoid."""
    return set(activations) <= {"tanh", "sigmoid"}


def _is_tanh(activations, like):
    """1 in the columns of tanh, 0 in those of a sigmoid."""
    flags = [float(activation == "tanh") for activation in activations]
    return ops.convert_to_tensor(np.repeat(flags, like.shape[-1] // len(flags)), like.dtype)
