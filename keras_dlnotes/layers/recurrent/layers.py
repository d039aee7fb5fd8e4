"""Recurrent layers: Keras's own, over whole sequences by `ops.recurrent`."""

import inspect
from typing import Any, ClassVar

import keras
from keras import ops

from keras_dlnotes.common.checks import argument_error, choice, shape
from keras_dlnotes.layers.recurrent.arguments import cast_real, state_list
from keras_dlnotes.layers.recurrent.cells import (
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    apply_shared_dropout,
)
from keras_dlnotes.layers.recurrent.documentation import layer_documentation
from keras_dlnotes.layers.signature import KeepsSignature
from keras_dlnotes.ops.backends.current import framework
from keras_dlnotes.ops.dtypes import real, wide
from keras_dlnotes.ops.exporting import ONNX, is_exporting
from keras_dlnotes.ops.recurrent.activations import is_known
from keras_dlnotes.ops.recurrent.arguments import check_states, checked_mask, checked_truncate
from keras_dlnotes.ops.recurrent.functions import run

_CUDNN = ("auto", True, False)


class Recurrent(KeepsSignature):
    """What the three layers share: a cell with the weights, and the loop over the sequence."""

    cell_class: type
    cell: Any
    compute_dtype: str
    state_size: Any
    unroll: bool
    cell_name: str
    has_cudnn = True  # whether there is a fused kernel of its kind at all
    directions = 1  # how many of them run side by side; `Bidirectional` sets it
    _variant: ClassVar[dict[str, str]] = {}  # arguments of the cell that the Keras layer lacks

    def __init__(self, *args, truncate=None, **kwargs):
        arguments = self.bind(args, kwargs)
        self.truncate = checked_truncate(truncate)
        use_cudnn = arguments.pop("use_cudnn", False)
        self._requested_cudnn = self._assigned_cudnn = choice("use_cudnn", use_cudnn, _CUDNN)
        of_cell = {*inspect.signature(self.cell_class).parameters, "implementation"}
        cell = self.cell_class(
            **{name: arguments.pop(name) for name in list(arguments) if name in of_cell},
            **self._variant,
            dtype=arguments.get("dtype"),
            trainable=arguments.get("trainable", True),
            name=self.cell_name,
        )
        keras.layers.RNN.__init__(self, cell, **arguments)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        if use_cudnn is True and self._cudnn_obstacles():
            raise self._cudnn_error(self._cudnn_obstacles())
        if framework().compiles_each_op:
            self.supports_jit = False

    @property
    def use_cudnn(self):
        """Whether Keras may take a fused kernel: "auto", True or False.

        Keras's `Bidirectional` checks nothing else before it hands the weights to the kernel, and
        assigns the value of its forward layer to both. So what the constructor forbade stays
        forbidden, and so does what the kernel cannot do.
        """
        if not self.has_cudnn:  # Keras's layer has no such attribute
            raise AttributeError("use_cudnn")
        if self._requested_cudnn is False or self._cudnn_obstacles():
            return False
        return self._assigned_cudnn

    @use_cudnn.setter
    def use_cudnn(self, value):
        self._assigned_cudnn = choice("use_cudnn", value, _CUDNN)

    def explain_path(self) -> str:
        """Says which computation the layer runs, and why."""
        return ": ".join(self._path_and_reason())

    def _path_and_reason(self) -> tuple[str, str]:
        obstacles = self._cudnn_obstacles()
        if False in (self._requested_cudnn, self._assigned_cudnn):
            obstacles.append("use_cudnn=False")
        if not framework().has_gpu():
            obstacles.append("no GPU")
        if not obstacles:
            return "cuDNN", "a GPU and settings that cuDNN knows"
        if self._requested_cudnn is True:
            raise self._cudnn_error(obstacles)
        unknown = [name for name in self.cell.step.activations if not is_known(name)]
        if unknown:
            names = ", ".join(getattr(entry, "__name__", str(entry)) for entry in unknown)
            # Keras's loop would accumulate its states in half precision
            is_wide = wide(self.compute_dtype) == self.compute_dtype
            by_keras = self.truncate is None and is_wide
            way = "Keras's loop" if by_keras else "the framework's gradient"
            return way, f"no derivative of {names} is written out"
        way = "the hand-written gradient"
        by_own_kernel = framework().prefers_own_kernels and not framework().has_gpu()
        if by_own_kernel and self.cell.step.is_standard:
            otherwise = f"under a mask or recurrent dropout, {way}"
            way = f"the framework's own kernel ({otherwise})"
        if self.directions > 1 and framework().compiles_each_op:
            way += ", beside the other direction"
        return way, f"no cuDNN because of {', '.join(obstacles)}"

    def _cudnn_error(self, obstacles) -> ValueError:
        hint = f"There is {', '.join(obstacles)}."
        return argument_error("use_cudnn", '"auto" or False here', True, hint)

    def _cudnn_obstacles(self) -> list[str]:
        """The settings that cuDNN cannot do."""
        cell, step = self.cell, self.cell.step
        settings = {
            "a simple recurrent network": step.blocks == 1,
            "activations other than tanh and sigmoid": step.activations != ("tanh", "sigmoid"),
            "a coupled forget gate": getattr(step, "forget_gate", "separate") != "separate",
            "a delayed output gate": getattr(step, "output_gate", "current") != "current",
            "a reset before the product": getattr(cell, "reset_after", True) is False,
            "no bias": not cell.use_bias,
            "recurrent dropout": cell.recurrent_dropout > 0,
            "a dropout mask for each gate": cell.dropout > 0
            and hasattr(cell, "dropout_mask_count"),
            "unroll=True": self.unroll,
            "truncation": self.truncate is not None,
        }
        return [name for name, is_set in settings.items() if is_set]

    def call(self, sequences, initial_state=None, mask=None, training=False):
        self._check(sequences, initial_state, mask)
        sequences = cast_real("sequences", sequences, self.compute_dtype)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def compute_output_spec(self, sequences, initial_state=None, mask=None, training=False):
        self._check(sequences, initial_state, mask)
        return super().compute_output_spec(
            sequences, initial_state=initial_state, mask=mask, training=training
        )

    def _check(self, sequences, initial_state, mask) -> None:
        """Raises where an argument of a call is not real, or its shape does not fit."""
        features = self.cell.kernel.shape[0] if self.cell.built else None
        sequences = real("sequences", sequences)
        shape("sequences", sequences, (None, None, features))
        batch, time, _ = sequences.shape
        if time == 0:
            raise argument_error("sequences", "of at least one step", tuple(sequences.shape))
        if initial_state is not None:
            states = [real("initial_state", state) for state in state_list(initial_state)]
            check_states("initial_state", states, len(self.state_size), (batch, self.cell.units))
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        if mask is not None:
            checked_mask(mask, (batch, time))

    def inner_loop(self, sequences, initial_state, mask, training=False):
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        if self.stateful:
            if is_exporting(ONNX):
                expected = "False in an ONNX file, which keeps nothing from one call to the next"
                hint = "Build the model with stateful=False and give it the weights of this one."
                raise argument_error("stateful", expected, True, hint)
            # PyTorch would write the last states over what the backward pass still needs
            initial_state = [ops.copy(state) for state in initial_state]
            if sequences.shape[0] is None:  # as in an export; the states fix it
                rows, (_, *steps) = self.states[0].shape[0], ops.shape(sequences)
                sequences = ops.reshape(sequences, (rows, *steps))
                mask = None if mask is None else ops.reshape(mask, (rows, steps[0]))
        if not is_exporting() and self._path_and_reason()[0] in ("cuDNN", "Keras's loop"):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        cell = self.cell
        initial_state = cell.step.fill_initial_states(initial_state, cell.full_bias())
        noise = cell.dropout_masks(sequences[:, 0], initial_state[0], training)
        sequences, still_to_apply = apply_shared_dropout(sequences, noise[0])
        input_masks, recurrent_masks = (
            None if masks is None else ops.transpose(masks, (1, 0, 2))
            for masks in (still_to_apply, noise[1])
        )
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        outputs, *states = run(
            cell.step,
            sequences,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            initial_state,
            mask,
            truncate=self.truncate,
            return_sequences=self.return_sequences,
            zero_output_for_mask=self.zero_output_for_mask,
            input_masks=input_masks,
            recurrent_masks=recurrent_masks,
            training=training is not False,
            concurrent_calls=self.directions if framework().runs_concurrently() else 1,
        )
        return outputs, outputs, states  # Keras takes the one that `return_sequences` asks for

    def get_config(self):
        own = {"truncate": self.truncate}
        if self.has_cudnn:
            own["use_cudnn"] = self._requested_cudnn
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class SimpleRNN(Recurrent, keras.layers.SimpleRNN):
    __doc__ = layer_documentation("SimpleRNN")
    cell_class = SimpleRNNCell
    has_cudnn = False
    cell_name = "simple_rnn_cell"


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class LSTM(Recurrent, keras.layers.LSTM):
    __doc__ = layer_documentation("LSTM")
    cell_class = LSTMCell
    cell_name = "lstm_cell"

    def __init__(self, *args, forget_gate="separate", output_gate="current", **kwargs):
        self._variant = {"forget_gate": forget_gate, "output_gate": output_gate}
        super().__init__(*args, **kwargs)

    @property
    def forget_gate(self):
        return self.cell.forget_gate

    @property
    def output_gate(self):
        return self.cell.output_gate

    def get_config(self):
        return {**super().get_config(), **self._variant}


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class GRU(Recurrent, keras.layers.GRU):
    __doc__ = layer_documentation("GRU")
    different_defaults: ClassVar = {"reset_after": False}
    cell_class = GRUCell
    cell_name = "gru_cell"
