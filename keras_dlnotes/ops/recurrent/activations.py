"""The activations that recurrent steps differentiate by their output y = φ(a) alone.

tanh′ = 1 − y²      sigmoid′ = y(1 − y)      hard_sigmoid′ = ⅙ [0 < y < 1]
linear′ = 1         relu′ = [y > 0]          softsign′ = (1 − |y|)²
"""

import keras
import numpy as np
from keras import ops


def _sigmoid(a):
    # what XLA computes in the fewest passes
    return 0.5 * ops.tanh(0.5 * a) + 0.5


def _where(condition, value):
    return ops.cast(condition, value.dtype)


_KNOWN = {
    "tanh": (ops.tanh, lambda y: 1 - y * y),
    "sigmoid": (_sigmoid, lambda y: y * (1 - y)),
    "hard_sigmoid": (ops.hard_sigmoid, lambda y: _where((y > 0) & (y < 1), y) / 6),
    "linear": (lambda a: a, ops.ones_like),
    "relu": (ops.relu, lambda y: _where(y > 0, y)),
    "softsign": (ops.softsign, lambda y: ops.square(1 - ops.abs(y))),
}


def identified(activation):
    """Returns the name of an activation of the table, and any other one as a function."""
    function = keras.activations.get(activation)
    return next((name for name in _KNOWN if keras.activations.get(name) is function), function)


def is_known(activation) -> bool:
    """Tells whether `derivative` knows the activation."""
    return isinstance(activation, str)


def activate(activation, a):
    """y = φ(a), for what `identified` returns."""
    return _KNOWN[activation][0](a) if is_known(activation) else activation(a)


def derivative(activation: str, y):
    """φ′(a), from y = φ(a)."""
    return _KNOWN[activation][1](y)


def activate_blocks(activations, a):
    """y = φ(a) of blocks side by side, (…, count · units), each by its own function."""
    if are_smooth(activations):
        # one tanh for all of them: σ(a) = ½ tanh(a/2) + ½
        scale = (1 + _is_tanh(activations, a)) / 2
        return scale * ops.tanh(scale * a) + (1 - scale)
    return _each(activate, activations, a)


def derivative_blocks(activations, y):
    """φ′(a) of each block, from y = φ(a)."""
    if are_smooth(activations):
        return (1 - y) * (_is_tanh(activations, y) + y)
    return _each(derivative, activations, y)


def _each(function, activations, blocks):
    blocks = zip(activations, ops.split(blocks, len(activations), axis=-1), strict=True)
    return ops.concatenate([function(name, block) for name, block in blocks], axis=-1)


def are_smooth(activations) -> bool:
    """Tells whether all are tanh or sigmoid."""
    return set(activations) <= {"tanh", "sigmoid"}


def _is_tanh(activations, like):
    """1 in the columns of tanh, 0 in those of a sigmoid."""
    flags = [float(activation == "tanh") for activation in activations]
    return ops.convert_to_tensor(np.repeat(flags, like.shape[-1] // len(flags)), like.dtype)
