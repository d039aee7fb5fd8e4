"""One step of a recurrent model as a function of arrays, without the loops around its cells."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.checks import argument_error


def one_step(model: Any) -> tuple[Callable, Callable, int, int]:
    """Returns the parts of a language model that is a chain of layers, or raises.

    Returns:
        (tokens (batch,), states) → (P of the next token, states); batch → h_0; and the sizes of
        the vocabularies that it reads and writes.
    """
    expected = "a chain of an embedding and layers that go from step to step in one direction"
    layers = model.layers if isinstance(model, keras.Model) else []
    chain = [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    try:
        tensor = model.inputs[0]
        for layer in chain:
            # a recurrent layer gets the mask as well
            first = keras.tree.flatten(layer.input)[0]
            ahead = isinstance(layer, keras.layers.Bidirectional)
            ahead = ahead or getattr(layer, "go_backwards", False)
            if first is not tensor or ahead:
                raise ValueError
            tensor = layer.output
        vocabulary = int(tensor.shape[-1])
    except (AttributeError, IndexError, TypeError, ValueError) as cause:
        received = model.name if isinstance(model, keras.Model) else model
        raise argument_error("model", expected, received) from cause
    if not chain or len(model.inputs[0].shape) != 2:
        raise argument_error("model", expected, model.name)
    check_embedding_of(chain[0], vocabulary)

    def initial_states(batch_size: int) -> list:
        return [
            layer.cell.get_initial_state(batch_size)
            for layer in chain
            if isinstance(layer, keras.layers.RNN)
        ]

    def step(tokens, states):
        values, before, after = ops.convert_to_tensor(tokens, "int32"), iter(states), []
        for layer in chain:
            if isinstance(layer, keras.layers.RNN):
                values, state = layer.cell(ops.copy(values), next(before))
                after.append(state)
            else:
                values = layer(values)
        return probabilities_of(values), after

    return step, initial_states, getattr(chain[0], "input_dim", vocabulary), vocabulary


def decoder_parts(model: Any) -> tuple[Callable, Callable, int, int]:
    """Returns the parts of a model of `sequence_to_sequence`, or raises.

    Returns:
        source → states of the encoder; (tokens (rows,), states) → (log P of the next token (rows,
        vocabulary), states); and the sizes of both vocabularies.
    """
    names = ("source_embedding", "encoder", "target_embedding", "decoder", "probabilities")
    try:
        found = [model.get_layer(name) for name in names]
        source_embedding, encoder, target_embedding, decoder, probabilities = found
        cell, vocabulary = decoder.cell, int(probabilities.units)
        source_vocabulary = int(source_embedding.input_dim)
    except (ValueError, AttributeError, TypeError) as cause:
        raise argument_error("model", "one of `sequence_to_sequence`", model) from cause
    check_embedding_of(target_embedding, vocabulary)

    def encode(source):
        source = ops.convert_to_tensor(source, "int32")
        _, *states = encoder(source_embedding(source), mask=source != 0)
        return states

    def step(tokens, states):
        vectors = target_embedding(ops.convert_to_tensor(tokens, "int32"))
        # a copy has no mask: cells know none, and say so
        hidden, states = cell(ops.copy(vectors), states)
        with np.errstate(divide="ignore"):
            return np.log(probabilities_of(probabilities(hidden))), states

    return encode, step, source_vocabulary, vocabulary


def check_embedding_of(layer: keras.Layer, vocabulary: int) -> None:
    """Raises where a model tells of tokens that its embedding does not know."""
    if isinstance(layer, keras.layers.Embedding) and layer.input_dim < vocabulary:
        expected = f"one whose embedding knows all of its {vocabulary} tokens"
        raise argument_error("model", expected, f"one that knows {layer.input_dim}")


def probabilities_of(outputs) -> np.ndarray:
    """Returns outputs as numbers in double precision, or raises where no token could follow."""
    following = ops.convert_to_numpy(outputs).astype("float64")
    # half precision is off by up to 1e-2
    is_one = np.allclose(following.sum(axis=1), 1, atol=0.02)
    if not is_one or following.min() < 0 or not following[:, 1:].any(axis=1).all():
        expected = "one whose outputs are probabilities, not all of them 0 but padding's"
        raise argument_error("model", expected, following[0], "Logits need a softmax.")
    return following
