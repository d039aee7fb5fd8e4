"""The activations that recurrent steps differentiate by their output y = φ(a) alone.

tanh′ = 1 − y²      sigmoid′ = y(1 − y)      hard_sigmoid′ = ⅙ [0 < y < 1]
linear′ = 1         relu′ = [y > 0]          softsign′ = (1 − |y|)²
"""

import keras
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
