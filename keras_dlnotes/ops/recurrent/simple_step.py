"""The simple recurrent network's step, forward and backward.

h = φ(x W + h₋₁ U + b)

∂E/∂a = ∂E/∂h ⊙ φ′        ∂E/∂h₋₁ = ∂E/∂a Uᵀ
"""

from dataclasses import dataclass
from typing import Any

from keras_dlnotes.ops.recurrent.activations import activate, derivative
from keras_dlnotes.ops.recurrent.kernel import Kernel, sum_of_steps


@dataclass(frozen=True)
class SimpleStep:
    """One step. See `LSTMStep` for what the methods take and return."""

    activation: Any = "tanh"

    blocks = 1
    factors = 0
    states = 1
    biases = ()
    carried = 0

    @property
    def activations(self) -> tuple:
        return (self.activation,)

    @property
    def is_standard(self) -> bool:
        """Whether it is a form that frameworks have kernels for."""
        return self.activation in ("tanh", "relu")

    def initial_states(self, zeros, bias):
        return (zeros,)

    def fill_initial_states(self, states, bias):
        return states

    def recurrent(self, weights, bias, masks=None, kernel=Kernel):
        return kernel(weights, masks)

    def input_bias(self, bias):
        return bias

    def forward(self, a, states, recurrent, saves=False):
        (hidden,) = states
        hidden = activate(self.activation, a + recurrent.product(hidden))
        return (hidden,), hidden

    def local_derivatives(self, saved, before):
        return [derivative(self.activation, saved)], [], []

    def carry(self, d_states, carried):
        return list(d_states)

    def backward(self, d_states, da_factor, factors, recurrent):
        (dh,) = d_states
        da = dh * da_factor
        return da, (recurrent.adjoint(da),)

    def operands(self, hidden_before, factors, da):
        return ()

    def gradients(self, hidden_before, da, operands, recurrent):
        return recurrent.gradient(hidden_before, da), sum_of_steps(da)
