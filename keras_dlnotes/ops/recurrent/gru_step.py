"""The GRU's step, forward and backward.

With the blocks of x W + b in Keras's order z r h,

    z = σ(a_z)   r = σ(a_r)   ĥ = φ(a_h)
    h = z ⊙ h₋₁ + (1 − z) ⊙ ĥ

where a_z and a_r add h₋₁ U, and a_h adds (r ⊙ h₋₁) U (reset before the product, as in the notes) or
r ⊙ (h₋₁ U + b′) (reset after it, with a bias of its own). The notes' update gate is i = 1 − z.

The backward step, from ∂E/∂h of all that follows:

    ∂E/∂a_h = ∂E/∂h ⊙ (1 − z) φ′           ∂E/∂a_z = ∂E/∂h ⊙ (h₋₁ − ĥ) σ′
    before: D = ∂E/∂a_h Uᵀ                 ∂E/∂a_r = D ⊙ h₋₁ σ′
    after:  D = ∂E/∂a_h                    ∂E/∂a_r = D ⊙ (h₋₁ U + b′) σ′
    ∂E/∂h₋₁ = ∂E/∂h ⊙ z + what the products pass back
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_dlnotes.ops.recurrent.activations import activate, derivative
from keras_dlnotes.ops.recurrent.kernel import Kernel, sum_of_steps


@dataclass(frozen=True)
class _GRUStep:
    """What both forms share. See `LSTMStep` for what the methods take and return."""

    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"

    blocks = 3
    factors = 2
    states = 1
    carried = 0

    @property
    def activations(self) -> tuple:
        return self.activation, self.recurrent_activation

    def initial_states(self, zeros, bias):
        return (zeros,)

    def fill_initial_states(self, states, bias):
        return states

    def local_derivatives(self, saved, before):
        (gates, candidate, of_reset), (hidden_before,) = saved, before
        z, r = ops.split(gates, 2, axis=-1)
        to_z = (hidden_before - candidate) * derivative(self.recurrent_activation, z)
        to_r = of_reset * derivative(self.recurrent_activation, r)
        to_h = (1 - z) * derivative(self.activation, candidate)
        return [to_z, to_r, to_h], [z, r], []

    def carry(self, d_states, carried):
        return list(d_states)


@dataclass(frozen=True)
class ResetBeforeGRUStep(_GRUStep):
    """One step with the reset before the product."""

    biases = ()
    is_standard = False

    def recurrent(self, weights, bias, masks=None, kernel=Kernel):
        units = weights.shape[0]
        gates, candidate = weights[:, : 2 * units], weights[:, 2 * units :]
        if masks is None:
            return kernel(gates), kernel(candidate)
        return kernel(gates, masks[:2]), kernel(candidate, masks[2:])

    def input_bias(self, bias):
        return bias

    def forward(self, a, states, recurrent, saves=False):
        (hidden,), (of_gates, of_candidate) = states, recurrent
        a_gates, a_h = _gates_and_candidate(a)
        a_gates = a_gates + of_gates.product(hidden)
        gates = activate(self.recurrent_activation, a_gates)
        z, r = ops.split(gates, 2, axis=-1)
        candidate = activate(self.activation, a_h + of_candidate.product(r * hidden))
        return (z * hidden + (1 - z) * candidate,), (gates, candidate, hidden)

    def backward(self, d_states, da_factor, factors, recurrent):
        (dh,), (z, r), (of_gates, of_candidate) = d_states, factors, recurrent
        to_z, to_r, to_h = ops.split(da_factor, 3, axis=-1)
        da_h = dh * to_h
        d_reset = of_candidate.adjoint(da_h)
        da_z, da_r = dh * to_z, d_reset * to_r
        da_gates = ops.concatenate([da_z, da_r], axis=-1)
        d_before = dh * z + d_reset * r + of_gates.adjoint(da_gates)
        return ops.concatenate([da_z, da_r, da_h], axis=-1), (d_before,)

    def operands(self, hidden_before, factors, da):
        _, r = factors
        return r * hidden_before, *_gates_and_candidate(da)

    def gradients(self, hidden_before, da, operands, recurrent):
        (of_gates, of_candidate), (reset, da_gates, da_h) = recurrent, operands
        d_gates = of_gates.gradient(hidden_before, da_gates)
        d_weights = ops.concatenate([d_gates, of_candidate.gradient(reset, da_h)], axis=-1)
        return d_weights, sum_of_steps(da)


@dataclass(frozen=True)
class ResetAfterGRUStep(_GRUStep):
    """One step with the reset after the product; `bias` is (2, 3 units), the second that of h U."""

    biases = (2,)

    def recurrent(self, weights, bias, masks=None, kernel=Kernel):
        return kernel(weights, masks), bias[1]

    @property
    def is_standard(self) -> bool:
        """Whether it is a form that frameworks have kernels for."""
        return self == ResetAfterGRUStep()

    def input_bias(self, bias):
        return bias[0]

    def forward(self, a, states, recurrent, saves=False):
        (hidden,), (kernel, bias) = states, recurrent
        a_gates, a_h = _gates_and_candidate(a)
        from_gates, from_candidate = _gates_and_candidate(kernel.product(hidden) + bias)
        gates = activate(self.recurrent_activation, a_gates + from_gates)
        z, r = ops.split(gates, 2, axis=-1)
        candidate = activate(self.activation, a_h + r * from_candidate)
        hidden = z * hidden + (1 - z) * candidate if saves else _between(hidden, candidate, z)
        return (hidden,), (gates, candidate, from_candidate)

    def backward(self, d_states, da_factor, factors, recurrent):
        (dh,), (z, r), (kernel, _) = d_states, factors, recurrent
        to_z, to_r, to_h = ops.split(da_factor, 3, axis=-1)
        da_h = dh * to_h
        da_z, da_r = dh * to_z, da_h * to_r
        d_product = ops.concatenate([da_z, da_r, da_h * r], axis=-1)
        d_before = dh * z + kernel.adjoint(d_product)
        return ops.concatenate([da_z, da_r, da_h], axis=-1), (d_before,)

    def operands(self, hidden_before, factors, da):
        _, r = factors
        da_gates, da_h = _gates_and_candidate(da)
        return (ops.concatenate([da_gates, da_h * r], axis=-1),)

    def gradients(self, hidden_before, da, operands, recurrent):
        (kernel, _), (d_product,) = recurrent, operands
        biases = ops.stack([sum_of_steps(da), sum_of_steps(d_product)])
        return kernel.gradient(hidden_before, d_product), biases


def _gates_and_candidate(blocks):
    """The blocks z and r together, and h."""
    units = blocks.shape[-1] // 3
    return blocks[..., : 2 * units], blocks[..., 2 * units :]


def _between(hidden, candidate, z):
    """z ⊙ h₋₁ + (1 − z) ⊙ ĥ.

    Both products side by side: else XLA on a CPU puts the whole step into one loop, in which it
    computes tanh for one number after the other, unless ĥ itself is asked for, too.
    """
    sides = ops.concatenate([z, 1 - z], axis=-1) * ops.concatenate([hidden, candidate], axis=-1)
    kept, new = ops.split(sides, 2, axis=-1)
    return kept + new
