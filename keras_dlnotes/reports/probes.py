"""Zeros added to what the layers of a model compute: ∂loss/∂zeros is the gradient there."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import tree

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import graph_inputs, replaced_methods
from keras_dlnotes.ops.recurrent.activations import is_known
from keras_dlnotes.ops.recurrent.gradient_flow import gradient_flow
from keras_dlnotes.ops.recurrent.steps import STEPS

_CELLS = {"SimpleRNNCell": "simple", "LSTMCell": "lstm", "GRUCell": "gru"}
_SETTINGS = ("activation", "recurrent_activation", "forget_gate", "output_gate", "reset_after")


@dataclass
class Probe:
    """One call of a layer that the gradient is taken at."""

    name: str  # of the layer, behind those of what it is nested in
    size: int  # how many tensors of zeros belong to it
    norms: Callable[[list[np.ndarray]], np.ndarray]  # from the gradients of the zeros
    goes_backwards: bool = False


class Probes:
    """Calls a Functional or Sequential model with tensors added to the outputs of its layers.

    Attributes:
        probes: One for each call of a recurrent layer (`by` is "step") or of each layer that
            returns one tensor of floats ("layer"), in the order of the first run's calls.
        zeros: The arrays that the first run added, those of the probes in turn.
    """

    def __init__(self, model: keras.Model, by: str, training: bool):
        self.probes: list[Probe] = []
        self.zeros: list[np.ndarray] = []
        self._model, self._by, self._training = model, by, training
        self._path: list[str] = []
        self._offsets: Iterator[Any] | None = None

    def run(self, inputs: Any, offsets: list[Any] | None = None) -> Any:
        """Returns the model's outputs with offsets added in place of the zeros."""
        self._offsets = None if offsets is None else iter(offsets)
        with contextlib.ExitStack() as stack:
            for layer in _graph_layers(self._model):
                directions = _directions(layer) if self._by == "step" else []
                for part in (layer, *directions):
                    call = functools.partial(self._call, part, part.call)
                    stack.enter_context(replaced_methods(part, call=call))
                for part in directions:
                    if getattr(part, "use_cudnn", False):  # the fused kernel would call neither
                        stack.callback(setattr, part, "use_cudnn", part.use_cudnn)
                        part.use_cudnn = False
            return self._model(inputs, training=self._training)

    def _call(self, layer: keras.Layer, call: Callable, *args, **kwargs) -> Any:
        self._path.append(layer.name)
        try:
            if self._by == "step" and isinstance(layer, keras.layers.RNN):
                return self._recurrent(layer, call, *args, **kwargs)
            outputs = call(*args, **kwargs)
            [first, *rest] = tree.flatten(outputs)
            is_float = "float" in keras.backend.standardize_dtype(first.dtype)
            if self._by == "step" or graph_inputs(layer) or rest or not is_float:
                return outputs
            self._note(1, _norms)
            return tree.map_structure(self._add, outputs)
        finally:
            self._path.pop()

    def _recurrent(self, layer: keras.layers.RNN, call: Callable, sequences, *args, **kwargs):
        norms = norms_by_op(layer, sequences, *args, **kwargs)
        if norms is not None:
            outputs = call(sequences, *args, **kwargs)
            self._note(len(tree.flatten(outputs)), norms, layer.go_backwards)
            return tree.map_structure(self._add, outputs)
        self._note(sequences.shape[1], _norms, layer.go_backwards)
        loop = functools.partial(_unrolled, layer)
        by_step = functools.partial(self._step, layer.cell.call)
        with replaced_methods(layer, inner_loop=loop), replaced_methods(layer.cell, call=by_step):
            return call(sequences, *args, **kwargs)

    def _step(self, call: Callable, *args, **kwargs) -> Any:
        output, states = call(*args, **kwargs)
        shifted = self._add(output)
        return shifted, tree.map_structure(lambda s: shifted if s is output else s, states)

    def _note(self, size: int, norms: Callable, goes_backwards: bool = False) -> None:
        if self._offsets is None:
            name = "/".join(self._path)
            calls = 1 + sum(probe.name.split(" (call ")[0] == name for probe in self.probes)
            numbered = name if calls == 1 else f"{name} (call {calls})"
            self.probes.append(Probe(numbered, size, norms, goes_backwards))

    def _add(self, output: Any) -> Any:
        if self._offsets is None:
            self.zeros.append(np.zeros(output.shape, "float32"))
            return output
        return output + keras.ops.cast(next(self._offsets), output.dtype)


def has_recurrence(model: keras.Model) -> bool:
    """Whether there is a recurrent layer in the graph of a model, or in a bidirectional one."""
    layers = [part for layer in _graph_layers(model) for part in (layer, *_directions(layer))]
    return any(isinstance(layer, keras.layers.RNN) for layer in layers)


def _graph_layers(model: keras.Model) -> list[keras.Layer]:
    """Returns the layers that a model's graph calls, and those of the models nested in it, once."""
    found: dict[int, keras.Layer] = {}
    for layer in model.layers:
        nested = _graph_layers(layer) if graph_inputs(layer) else []
        found.update((id(entry), entry) for entry in (layer, *nested))
    return list(found.values())


def _directions(layer: keras.Layer) -> list[keras.Layer]:
    if not isinstance(layer, keras.layers.Bidirectional):
        return []
    return [layer.forward_layer, layer.backward_layer]


def norms_by_op(
    layer: keras.layers.RNN, sequences: Any, initial_state=None, mask=None, training=False
) -> Callable[[list[np.ndarray]], np.ndarray] | None:
    """Returns what `ops.gradient_flow` finds for a call of a layer, as a function.

    It takes the gradients of the outputs and, where the layer returns them, of the states. None
    where the op does not compute what the layer does: for a cell of another class, an activation
    whose derivative is not written out, and noise in training.
    """
    cell, truncate = layer.cell, getattr(layer, "truncate", None)
    settings = {name: getattr(cell, name) for name in _SETTINGS if hasattr(cell, name)}
    kind = next((kind for name, kind in _CELLS.items() if type(cell) in _classes(name)), None)
    drops = kind and training and (cell.dropout or cell.recurrent_dropout)
    if kind is None or drops or not all(map(is_known, STEPS[kind](**settings).activations)):
        if truncate is not None:
            expected = "without dropout in training or unknown activations in truncated layers"
            raise argument_error("model", expected, f"layer {layer.name!r}")
        return None
    states = layer.states if initial_state is None and layer.stateful else initial_state
    if states is not None:
        states = list(map(keras.ops.convert_to_tensor, tree.flatten(states)))
        if hasattr(cell, "step"):
            states = cell.step.fill_initial_states(states, cell.full_bias())
    sequences, mask = _in_order(layer, sequences, mask)

    def norms(upstream):
        d_outputs, *d_states = upstream
        by_row = gradient_flow(
            d_outputs,
            sequences,
            cell.kernel,
            cell.recurrent_kernel,
            cell.bias,
            states,
            mask,
            cell=kind,
            state_upstream=d_states or None,
            truncate=truncate,
            zero_output_for_mask=layer.zero_output_for_mask,
            **settings,
        )
        by_row = keras.ops.convert_to_numpy(by_row)
        if mask is not None:  # a skipped step has no state of its own
            by_row = by_row * keras.ops.convert_to_numpy(mask).reshape(by_row.shape)
        return _norms(by_row.T)

    return norms


def _in_order(layer: keras.layers.RNN, sequences: Any, mask: Any) -> tuple[Any, Any]:
    """The sequences and the mask, the step that the layer begins with first."""
    mask = mask[0] if isinstance(mask, list | tuple) else mask
    if layer.go_backwards:
        sequences = keras.ops.flip(sequences, axis=1)
        mask = None if mask is None else keras.ops.flip(mask, axis=1)
    return sequences, mask


def _unrolled(layer: keras.layers.RNN, sequences: Any, initial_state, mask, *args, **kwargs):
    """Keras's loop, in which the cell is called for one step after the other.

    Unrolled, it zeroes the outputs of skipped steps by the wrong mask when it goes backwards, and
    not at all on JAX.
    """
    sequences, mask = _in_order(layer, sequences, mask)
    inner_loop = keras.layers.RNN.inner_loop
    with replaced_methods(layer, unroll=True, go_backwards=False, zero_output_for_mask=False):
        _, outputs, states = inner_loop(layer, sequences, initial_state, mask, *args, **kwargs)
    if layer.zero_output_for_mask and mask is not None:
        shown = mask if layer.return_sequences else mask[:, -1:]
        shown = keras.ops.reshape(shown, (*shown.shape[:2], *[1] * (len(outputs.shape) - 2)))
        outputs = keras.ops.where(shown, outputs, keras.ops.zeros_like(outputs))
    return outputs[:, -1], outputs, states


def _classes(name: str) -> tuple[type, type | None]:
    """The cell of this name of Keras and the one of this package."""
    ours = keras.saving.get_registered_object(f"keras_dlnotes>{name}")
    return getattr(keras.layers, name), ours


def _norms(gradients: Iterable[np.ndarray]) -> np.ndarray:
    return np.array([np.linalg.norm(gradient.astype("float64")) for gradient in gradients])
