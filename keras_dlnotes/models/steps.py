"""One step of a recurrent model, as a function of arrays: its cells without their loops."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.next_token import check_kind, log_probabilities
from keras_dlnotes.models.chains import (
    check_vocabularies,
    ends_in_softmax,
    goes_step_by_step,
    is_known,
    needs_time,
)

TRIED = 16  # rows of outputs that show whether they are logits


class Chain:
    """P of the next token from a chain of layers, one step at a time."""

    longest = None  # it takes any number of steps

    def __init__(self, layers: list[keras.Layer], written: int, from_logits: bool):
        self._layers, self._from_logits = layers, from_logits
        self.read, self.written = layers[0].input_dim, written
        check_vocabularies(self.read, written)
        if from_logits or not ends_in_softmax(layers):
            tried = np.random.default_rng(0).integers(1, self.read, TRIED)
            outputs, _ = self._run(tried, self._first_states(TRIED))
            log_probabilities(outputs, from_logits)
            check_kind(outputs, from_logits)

    def after(self, prefix: np.ndarray) -> list:
        """Returns the states of rows that have read these ids."""
        states = self._first_states(len(prefix))
        for tokens in prefix.T:
            _, states = self._run(tokens, states)
        return states

    def step(self, tokens: np.ndarray, states: list) -> tuple[np.ndarray, list]:
        """Returns log P (rows, vocabulary) of what follows the tokens (rows,), and the states."""
        outputs, states = self._run(tokens, states)
        return log_probabilities(outputs, self._from_logits), states

    def _first_states(self, rows: int) -> list:
        return [
            keras.tree.map_structure(
                lambda state, dtype=layer.cell.compute_dtype: ops.cast(state, dtype),
                layer.get_initial_state(rows),
            )
            for layer in self._layers
            if isinstance(layer, keras.layers.RNN)
        ]

    def _run(self, tokens: np.ndarray, states: list) -> tuple[Any, list]:
        before, after = iter(states), []
        embedding, *layers = self._layers
        in_time = True
        # a copy has no mask: Keras warns that cells support none
        values = ops.copy(embedding(ops.convert_to_tensor(tokens, "int32")))
        for layer in layers:
            if isinstance(layer, keras.layers.RNN):
                values, state = layer.cell(values, next(before))
                after.append(list(state) if keras.tree.is_nested(state) else [state])
                in_time = layer.return_sequences
            elif in_time and needs_time(layer):
                values = layer(values[:, np.newaxis])[:, 0]
            else:
                values = layer(values)
        return values, after


class Decoder(Chain):
    """P of the next token from a model of `sequence_to_sequence`, one step at a time."""

    def __init__(self, parts: list[keras.Layer], from_logits: bool):
        self._source_embedding, self._encoder, *layers = parts
        super().__init__(layers, layers[-1].units, from_logits)
        self.source_vocabulary = self._source_embedding.input_dim

    def reading(self, source: np.ndarray) -> list:
        """Returns the states of rows that have read a source and no target."""
        ids = ops.convert_to_tensor(source, "int32")
        mask = self._source_embedding.compute_mask(ids)
        _, *states = self._encoder(self._source_embedding(ids), mask=mask)
        return [states]


def decoder_parts(model: keras.Model) -> list[keras.Layer] | None:
    """Returns the layers of a model of `sequence_to_sequence`; None for any other model."""
    names = ("source_embedding", "encoder", "target_embedding", "decoder", "probabilities")
    try:
        parts = [model.get_layer(name) for name in names]
        source_embedding, encoder, target_embedding, decoder, probabilities = parts
        sources = keras.tree.flatten(decoder.input)
        links = [
            (source_embedding.input, model.inputs[0]),
            (keras.tree.flatten(encoder.input)[0], source_embedding.output),
            (target_embedding.input, model.inputs[1]),
            (sources[0], target_embedding.output),
            *zip(sources[1:], encoder.output[1:], strict=False),  # the mask comes last
            (probabilities.input, decoder.output[0]),
            (probabilities.output, *model.outputs),
        ]
        is_one = all(first is second for first, second in links)
        is_one = is_one and is_known(type(model)) and isinstance(encoder, keras.layers.RNN)
        is_one = is_one and all(isinstance(part, keras.layers.Embedding) for part in parts[::2][:2])
        is_one = is_one and all(map(is_known, map(type, parts))) and not encoder.stateful
        is_one = is_one and all(map(goes_step_by_step, parts[3:])) and probabilities.units
    except (AttributeError, IndexError, TypeError, ValueError):
        return None
    return parts if is_one else None
