"""Recurrent cells: Keras's own, stepping by the maths of `ops.recurrent`."""

from typing import Any, ClassVar

import keras
from keras import ops

from keras_dlnotes.common.checks import choice, shape
from keras_dlnotes.layers.recurrent.arguments import (
    cast_real,
    check_cell,
    name_refused_argument,
    state_list,
)
from keras_dlnotes.layers.recurrent.documentation import cell_documentation
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.recurrent.arguments import check_states
from keras_dlnotes.ops.recurrent.kernel import PerGateKernel
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
        check_cell(arguments)
        try:
            super().__init__(**arguments)
        except (TypeError, ValueError):
            name_refused_argument(arguments)
            raise

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
        step, bias = self.step, self.full_bias()
        inputs = cast_real("inputs", inputs, self.compute_dtype)
        shape("inputs", inputs, (None, self.kernel.shape[0]))
        before = [cast_real("states", state, self.compute_dtype) for state in state_list(states)]
        check_states("states", before, step.states, (inputs.shape[0], self.units))
        before = tuple(step.fill_initial_states(before, bias))
        input_masks, recurrent_masks = self.dropout_masks(inputs, before[0], training)
        inputs, input_masks = apply_shared_dropout(inputs, input_masks)
        a = PerGateKernel(self.kernel, input_masks).product(inputs) + step.input_bias(bias)
        recurrent = step.recurrent(self.recurrent_kernel, bias, recurrent_masks, PerGateKernel)
        after, _ = step.forward(a, before, recurrent, saves=True)
        return after[0], list(after) if keras.tree.is_nested(states) else after[0]

    def dropout_masks(self, inputs, hidden, training):
        """The noise for x and for h₋₁, one mask per gate: (blocks, batch, width), or None.

        As in Keras, all gates share one mask of x, (1, batch, features), unless `recurrent_dropout`
        is set. Keras asks for the masks before it loops over the steps; they are stacked then.
        """
        masks = [None, None]
        if training and self._drops(self.dropout):
            self.get_dropout_mask(inputs)
            masks[0] = self._input_masks
        if training and self._drops(self.recurrent_dropout):
            self.get_recurrent_dropout_mask(hidden)
            masks[1] = self._recurrent_masks
        return masks

    def _drops(self, rate):
        # Keras's gates take a rate of 1 for none
        return rate > 0 and (rate < 1 or self.step.blocks == 1)

    _input_masks = _recurrent_masks = None

    def get_dropout_mask(self, step_input):
        mask = super().get_dropout_mask(ops.cast(step_input, self.compute_dtype))
        if self._input_masks is None and mask is not None:
            self._input_masks = _stacked(mask)
        return mask

    def get_recurrent_dropout_mask(self, step_input):
        mask = super().get_recurrent_dropout_mask(step_input)
        if self._recurrent_masks is None and mask is not None:
            self._recurrent_masks = _stacked(mask)
        return mask

    def reset_dropout_mask(self):
        super().reset_dropout_mask()
        self._input_masks = None

    def reset_recurrent_dropout_mask(self):
        super().reset_recurrent_dropout_mask()
        self._recurrent_masks = None

    def full_bias(self):
        """b in the compute type, 0 where there is none."""
        if self.bias is None:
            shape = (*self.step.biases, self.step.blocks * self.units)
            return ops.zeros(shape, self.compute_dtype)
        return ops.cast(self.bias, self.compute_dtype)


def apply_shared_dropout(inputs, masks) -> tuple[Any, Any]:
    """Applies a mask of x that all gates share, and returns the masks that are still to apply."""
    if masks is None or masks.shape[0] > 1:
        return inputs, masks
    return inputs * (masks[0] if len(inputs.shape) == 2 else masks[0][:, None]), None


def _stacked(noise):
    return ops.stack([noise] if ops.is_tensor(noise) else noise)


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
    different_defaults: ClassVar = {"reset_after": False}

    @property
    def step(self):
        return gru_step(self.activation, self.recurrent_activation, self.reset_after)
