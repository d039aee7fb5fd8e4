"""The LSTM's step, forward and backward.

With the blocks of a = x W + h₋₁ U + b in Keras's order i f c o,

    i = σ(a_i)   f = σ(a_f)   g = φ(a_c)   o = σ(a_o)
    c = f ⊙ c₋₁ + i ⊙ g            forget and read
    h = φ(c) ⊙ o                   write

`forget_gate="coupled"` has no block f and forgets as much as it reads: f = 1 − i.
`output_gate="delayed"` writes by the gate of the step before, h = φ(c) ⊙ o₋₁, so o is a state, too.

The backward step takes ∂E/∂h, ∂E/∂c₊₁ ⊙ f₊₁ (and ∂E/∂o) of all that follows, and returns ∂E/∂a,
∂E/∂h₋₁ and ∂E/∂c:

    ∂E/∂c = ∂E/∂c₊₁ ⊙ f₊₁ + ∂E/∂h ⊙ o ⊙ φ′(c)
    ∂E/∂a_i = ∂E/∂c ⊙ g σ′         ∂E/∂a_f = ∂E/∂c ⊙ c₋₁ σ′
    ∂E/∂a_c = ∂E/∂c ⊙ i φ′         ∂E/∂a_o = ∂E/∂h ⊙ φ(c) σ′
    ∂E/∂h₋₁ = ∂E/∂a Uᵀ

What stands to the right of each ⊙ is known in the forward pass: `local_derivatives` computes it
while the gates are at hand.
"""

from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_dlnotes.ops.recurrent.activations import (
    activate,
    activate_blocks,
    derivative,
    derivative_blocks,
    output_blocks,
    saved_blocks,
    tanh_blocks,
)
from keras_dlnotes.ops.recurrent.kernel import Kernel, sum_of_steps


@dataclass(frozen=True)
class LSTMStep:
    """One step, forward and backward."""

    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    forget_gate: str = "separate"
    output_gate: str = "current"

    biases = ()  # axes of the bias in front of its blocks
    carried = 1  # how many factors `carry` multiplies by, between a step and the one before

    @property
    def blocks(self) -> int:
        """How many blocks of units the kernels have."""
        return 3 if self.forget_gate == "coupled" else 4

    @property
    def factors(self) -> int:
        """How many factors of the states' shape `backward` takes besides that of ∂E/∂a."""
        return 2 if self.output_gate == "delayed" else 1

    @property
    def states(self) -> int:
        """How many states there are: h, c and, where it is delayed, o."""
        return 3 if self.output_gate == "delayed" else 2

    @property
    def activations(self) -> tuple:
        """The functions that `derivative` must know."""
        return self.activation, self.recurrent_activation

    @property
    def is_standard(self) -> bool:
        """Whether it is a form that frameworks have kernels for."""
        return self == LSTMStep()

    def initial_states(self, zeros, bias):
        """The states before the first step: 0 and, where it is delayed, o = σ(b_o)."""
        if self.output_gate == "current":
            return zeros, zeros
        return zeros, zeros, activate(self.recurrent_activation, zeros + bias[-zeros.shape[-1] :])

    def fill_initial_states(self, states, bias):
        """The states, those of `initial_states` in the rows where all of them are 0.

        So 0 stands for the beginning of a sequence, as in all other recurrences, whatever b_o is.
        """
        if self.output_gate == "current":
            return states
        hidden, carry, writer = states
        rows = ops.concatenate(states, axis=-1)
        first = self.initial_states(ops.zeros_like(hidden), bias)[-1]
        return hidden, carry, ops.where(ops.any(rows != 0, axis=-1, keepdims=True), writer, first)

    def recurrent(self, weights, bias, masks=None, kernel=Kernel):
        """What the hidden state is multiplied by; made once, before the loop."""
        return kernel(weights, masks)

    def input_bias(self, bias):
        """What is added to x W for all steps at once."""
        return bias

    def forward(self, a, states, recurrent, saves=False):
        """(x W + b, states before) → (states, what `local_derivatives` needs).

        `saves` says whether a backward pass follows; without it the states alone are needed.
        """
        hidden, carry, *writer = states
        a = a + recurrent.product(hidden)
        gates = of_tanh = None
        if saves:
            gates = saved_blocks(self._block_activations, a)
            of_tanh = tanh_blocks(self._block_activations, a)
            blocks = output_blocks(self._block_activations, gates, of_tanh)
        else:
            blocks = activate_blocks(self._block_activations, a)
        i, *f, g, o = blocks
        carry = (f[0] if f else 1 - i) * carry + i * g
        content = activate(self.activation, carry)
        if writer:
            return (content * writer[0], carry, o), (gates, of_tanh, content)
        return (content * o, carry), (gates, of_tanh, content)

    def local_derivatives(self, saved, before):
        """The factor of ∂E/∂a, the other factors, and what `carry` multiplies by."""
        (gates, of_tanh, content), (_, carry_before, *writer) = saved, before
        i, *f, g, o = output_blocks(self._block_activations, gates, of_tanh)
        of_o = ops.ones_like(o) if writer else content
        of_blocks = [g, carry_before, i, of_o] if f else [g - carry_before, i, of_o]
        of_a = derivative_blocks(self._block_activations, gates)
        da_factor = ops.concatenate(of_blocks, axis=-1) * of_a
        through_content = (writer[0] if writer else o) * derivative(self.activation, content)
        forget = f[0] if f else 1 - i
        return [da_factor], [through_content, *([content] if writer else [])], [forget]

    def carry(self, d_states, carried):
        """∂E/∂c₊₁ → ∂E/∂c₊₁ ⊙ f₊₁, what comes back past the gates."""
        (dh, dc, *do), (forget,) = d_states, carried
        return dh, dc * forget, *do

    def backward(self, d_states, da_factor, factors, recurrent):
        """∂E/∂states → (∂E/∂a, ∂E/∂states before, ∂E/∂c not yet carried there)."""
        (dh, dc, *do), (through_content, *content) = d_states, factors
        dc = dc + dh * through_content
        of_blocks = [dc] * (self.blocks - 1) + [do[0] if do else dh]
        da = ops.concatenate(of_blocks, axis=-1) * da_factor
        return da, (recurrent.adjoint(da), dc, *(dh * factor for factor in content))

    def operands(self, hidden_before, factors, da):
        """What `gradients` takes besides h₋₁ and ∂E/∂a, of all steps."""
        return ()

    def gradients(self, hidden_before, da, operands, recurrent):
        """(∂E/∂U, ∂E/∂b), each sum over all steps as one product."""
        return recurrent.gradient(hidden_before, da), sum_of_steps(da)

    @property
    def _block_activations(self) -> tuple:
        gates = [self.recurrent_activation] * (self.blocks - 2)
        return (*gates, self.activation, self.recurrent_activation)
