"""Recurrent cells: Keras's own, stepping by the maths of `ops.recurrent`."""

import keras
from keras import ops

from keras_dlnotes.checks import choice, integer, probability
from keras_dlnotes.layers.recurrent.documentation import cell_documentation
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.recurrent.kernel import Kernel
from keras_dlnotes.ops.recurrent.steps import (
    FORGET_GATES,
    OUTPUT_GATES,
    gru_step,
    lstm_step,
    simple_step,
)


class _Cell(KeepsSignature):
    """What the three cells share: everything but the step."""

    def __init__(self, *args, **kwargs):
        arguments = self.bind(args, kwargs)
        integer("units", arguments["units"], minimum=1)
        for name in ("dropout", "recurrent_dropout"):
            probability(name, arguments[name])
        super().__init__(**arguments)

    @property
    def step(self):
        """The maths: a step of `ops.recurrent`."""
        raise NotImplementedError

    def add_weight(self, *args, initializer=None, **kwargs):
        def in_float32(shape, dtype=None):
            return ops.cast(initializer(shape, dtype="float32"), dtype)

        # an orthogonal matrix, for one, cannot be made in half precision everywhere
        half = self.variable_dtype in ("bfloat16", "float16")
        return super().add_weight(*args, initializer=in_float32 if half else initializer, **kwargs)

    def call(self, inputs, states, training=False):
        step, bias = self.step, self._bias(inputs.dtype)
        before = tuple(states) if keras.tree.is_nested(states) else (states,)
        masks, recurrent_masks = self.dropout_masks(inputs, before[0], training)
        a = Kernel(self.kernel, masks).product(inputs) + step.input_bias(bias)
        recurrent = step.recurrent(self.recurrent_kernel, bias, recurrent_masks)
        after, _ = step.forward(a, before, recurrent)
        return after[0], list(after) if keras.tree.is_nested(states) else after[0]

    def dropout_masks(self, inputs, hidden, training):
        """The noise for x and for h₋₁: for each (blocks, batch, width), one mask a gate, or None.

        As in Keras, all gates share one mask of x unless `recurrent_dropout` is set.
        """
        return [
            None if noise is None else self._by_gate(noise)
            for noise in (
                self.get_dropout_mask(inputs) if training and 0 < self.dropout < 1 else None,
                self.get_recurrent_dropout_mask(hidden)
                if training and 0 < self.recurrent_dropout < 1
                else None,
            )
        ]

    def _by_gate(self, noise):
        one_for_all = ops.is_tensor(noise)
        return ops.stack([noise] * self.step.blocks if one_for_all else noise)

    def get_initial_state(self, batch_size=None):
        zeros = ops.zeros((batch_size, self.units), self.compute_dtype)
        first = self.step.initial_states(zeros, self._bias(self.compute_dtype))
        return [ops.copy(state) for state in first]  # on PyTorch, variables would share a tensor

    def _bias(self, dtype):
        bias = getattr(self, "bias", None)  # there is none before the cell is built
        if bias is None:
            return ops.zeros((*self.step.biases, self.step.blocks * self.units), dtype)
        return ops.cast(bias, dtype)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class SimpleRNNCell(_Cell, keras.layers.SimpleRNNCell):
    __doc__ = cell_documentation("SimpleRNN")

    @property
    def step(self):
        return simple_step(self.activation)


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class LSTMCell(_Cell, keras.layers.LSTMCell):
    __doc__ = cell_documentation("LSTM")

    def __init__(self, *args, forget_gate="separate", output_gate="current", **kwargs):
        self.forget_gate = choice("forget_gate", forget_gate, FORGET_GATES)
        self.output_gate = choice("output_gate", output_gate, OUTPUT_GATES)
        super().__init__(*args, **kwargs)
        self.state_size = [self.units] * self.step.states
        if hasattr(self, "dropout_mask_count"):
            self.dropout_mask_count = self.step.blocks

    @property
    def step(self):
        return lstm_step(
            self.activation, self.recurrent_activation, self.forget_gate, self.output_gate
        )

    def build(self, input_shape):
        if self.forget_gate == "separate":
            super().build(input_shape)
            return
        self.kernel, self.recurrent_kernel = (
            self.add_weight(
                name=name,
                shape=(rows, 3 * self.units),
                initializer=getattr(self, f"{kind}_initializer"),
                regularizer=getattr(self, f"{kind}_regularizer"),
                constraint=getattr(self, f"{kind}_constraint"),
            )
            for name, kind, rows in (
                ("kernel", "kernel", input_shape[-1]),
                ("recurrent_kernel", "recurrent", self.units),
            )
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(3 * self.units,),
                initializer=self._coupled_bias,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def _coupled_bias(self, shape, dtype=None):
        """b of i c o, where f = 1 − i starts at σ(1) if `unit_forget_bias`."""
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        of_input_gate = -ops.ones((self.units,), dtype)
        others = self.bias_initializer((2 * self.units,), dtype=dtype)
        return ops.concatenate([of_input_gate, others])

    def get_config(self):
        own = {"forget_gate": self.forget_gate, "output_gate": self.output_gate}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class GRUCell(_Cell, keras.layers.GRUCell):
    __doc__ = cell_documentation("GRU")

    @property
    def step(self):
        return gru_step(self.activation, self.recurrent_activation, self.reset_after)
