"""Zeros that are added to what a model computes on its way: ∂loss/∂zeros is the gradient there."""

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from keras_dlnotes.common.calls import join
from keras_dlnotes.common.graph import graph_inputs, graph_nodes


class Probe(keras.layers.Layer):
    """Adds an offset, and lets a mask pass."""

    def __init__(self, offset: Any):
        super().__init__(dtype=keras.backend.standardize_dtype(offset.dtype))
        self.supports_masking = True
        self.offset = offset

    def call(self, inputs):
        return inputs + keras.ops.cast(self.offset, inputs.dtype)


class ProbedCell(keras.layers.Layer):
    """A recurrent cell that adds to h_t what stands behind the features of its input x_t."""

    def __init__(self, cell: keras.Layer):
        super().__init__(dtype=cell.dtype_policy)
        self.cell = cell
        self.state_size, self.output_size = cell.state_size, cell.output_size
        self.built = True

    def call(self, inputs, states, training=None):
        features, offset = inputs[..., : -self.output_size], inputs[..., -self.output_size :]
        output, states = self.cell(features, states, training=training)
        shifted = output + offset
        states = tree.map_structure(lambda state: shifted if state is output else state, states)
        return shifted, states

    def get_initial_state(self, batch_size=None):
        return self.cell.get_initial_state(batch_size)


class ProbedRecurrence(keras.layers.Layer):
    """A recurrent layer that adds an offset, (batch, time, units), to h_t at each time step."""

    def __init__(self, layer: keras.layers.RNN, offset: Any):
        super().__init__(dtype=layer.dtype_policy)
        self.supports_masking = True
        self.offset = offset
        self.recurrence = keras.layers.RNN(
            ProbedCell(layer.cell),
            return_sequences=layer.return_sequences,
            return_state=layer.return_state,
            go_backwards=layer.go_backwards,
            zero_output_for_mask=getattr(layer, "zero_output_for_mask", False),
            dtype=layer.dtype_policy,
        )
        self.recurrence.built = True
        self.built = True

    def call(self, sequences, initial_state=None, mask=None, training=None):
        offset = keras.ops.cast(self.offset, self.compute_dtype)
        inputs = keras.ops.concatenate([sequences, offset], axis=-1)
        if mask is not None and len(tree.flatten(mask)) > 1:
            mask = mask[0]
        return self.recurrence(inputs, initial_state=initial_state, mask=mask, training=training)

    def compute_mask(self, inputs, previous_mask):
        mask = tree.flatten(previous_mask)[0] if previous_mask is not None else None
        return self.recurrence.compute_mask(inputs, mask)


class ProbedBidirectional(keras.layers.Layer):
    """The two directions of a bidirectional layer, each with an offset, put together as it does."""

    def __init__(self, layer: keras.layers.Bidirectional, forward: Any, backward: Any):
        super().__init__(dtype=layer.dtype_policy)
        self.supports_masking = True
        self.merge_mode = layer.merge_mode
        self.return_sequences = layer.forward_layer.return_sequences
        self.forward_layer = ProbedRecurrence(layer.forward_layer, forward)
        self.backward_layer = ProbedRecurrence(layer.backward_layer, backward)
        self.built = True

    def call(self, sequences, mask=None, training=None):
        forward = self.forward_layer(sequences, mask=mask, training=training)
        backward = self.backward_layer(sequences, mask=mask, training=training)
        forward, *forward_states = tree.flatten(forward)
        backward, *backward_states = tree.flatten(backward)
        if self.return_sequences:
            backward = keras.ops.flip(backward, axis=1)
        merged = {
            "concat": lambda: keras.ops.concatenate([forward, backward], axis=-1),
            "sum": lambda: forward + backward,
            "ave": lambda: (forward + backward) / 2,
            "mul": lambda: forward * backward,
        }[self.merge_mode]()
        states = forward_states + backward_states
        return (merged, *states) if states else merged

    def compute_mask(self, inputs, mask):
        return mask if self.return_sequences else None


class Replay:
    """Runs a model's recorded graph on values, with another call in place of some.

    Args:
        call: Takes (operation, name, args, kwargs); returns None to let the operation run.
        training: Whether layers act as in training.
    """

    def __init__(self, call: Callable[[Any, str, tuple, dict], Any], training: bool):
        self.call = call
        self.training = training

    def run(self, model: keras.Model, inputs: Any, name: str = "") -> list[Any]:
        """Returns the outputs of the model, flat."""
        known = dict(zip(map(id, graph_inputs(model)), tree.flatten(inputs), strict=True))
        for node in graph_nodes(graph_inputs(model), model.outputs):
            args, kwargs = tree.map_structure(
                lambda entry: known.get(id(entry), entry),
                (node.arguments.args, node.arguments.kwargs),
            )
            results = self._step(node.operation, join(name, node.operation.name), args, kwargs)
            known.update(zip(map(id, node.outputs), tree.flatten(results), strict=True))
        return [known[id(output)] for output in model.outputs]

    def _step(self, operation: Any, name: str, args: tuple, kwargs: dict) -> Any:
        if isinstance(operation, keras.Layer) and _takes_training(operation):
            kwargs = {**kwargs, "training": self.training}
        results = self.call(operation, name, args, kwargs)
        if results is not None:
            return results
        if graph_inputs(operation):
            return self.run(operation, args, name)
        return operation(*args, **kwargs)


def _takes_training(layer: keras.Layer) -> bool:
    return "training" in inspect.signature(layer.call).parameters
