"""The next token by any model: each step is a call on all tokens so far."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.graph import suspended_states
from keras_dlnotes.common.next_token import check_kind, log_probabilities
from keras_dlnotes.models.ahead import check_looks_back
from keras_dlnotes.models.chains import check_vocabularies, ids_read

SHORTEST = 16  # a prefix is padded to this length times a power of 2
SOURCE_LENGTH = 4  # of the dry run
OUTPUTS = "with one output, of shape (batch, time, vocabulary) or (batch, vocabulary)"


class Prefixes:
    """P of the next token from calls on all ids so far, and on the source if there is one.

    Frameworks compile anew for every length: a causal model gets prefixes padded to a few lengths.
    """

    def __init__(self, model: keras.Model, from_logits: bool, has_source: bool = False):
        self._model, self._from_logits = model, from_logits
        shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or ()]
        count = 1 + has_source
        if shapes and (len(shapes) != count or any(len(shape) != 2 for shape in shapes)):
            inputs = "two inputs, each of ids" if has_source else "one input, ids"
            raise argument_error("model", f"one of {inputs} (batch, time)", model.name)
        self.longest = shapes[-1][1] if shapes else None
        self._is_padded = False
        outputs, sources = self._try(shapes)
        self.written = outputs.shape[-1]
        self.read = ids_read(model, count - 1) or self.written
        self.source_vocabulary = ids_read(model, 0)
        check_vocabularies(self.read, self.written)
        if len(outputs.shape) == 3:
            outputs, self._is_padded = check_looks_back(
                model,
                lambda ids: self._outputs(ids, *(np.repeat(s, len(ids), axis=0) for s in sources)),
                self.read,
                self.longest,
            )
        log_probabilities(outputs, from_logits)
        check_kind(outputs, from_logits)

    def after(self, prefix: np.ndarray) -> list[np.ndarray]:
        """Returns the states of rows that have read these ids."""
        return [prefix]

    def reading(self, source: np.ndarray) -> list[np.ndarray]:
        """Returns the states of rows that have read a source and no target."""
        return [np.zeros((len(source), 0), int), source]

    def step(self, tokens: np.ndarray, states: list) -> tuple[np.ndarray, list]:
        """Returns log P (rows, vocabulary) of what follows the tokens (rows,), and the states."""
        prefix, *sources = states
        prefix = np.concatenate([prefix, tokens[:, np.newaxis]], axis=1)
        return self._following(prefix, sources), [prefix, *sources]

    def _following(self, prefix: np.ndarray, sources: list) -> np.ndarray:
        time = prefix.shape[1]
        if self.longest or self._is_padded:
            length = self.longest or SHORTEST
            while length < time:
                length *= 2
            padded = np.pad(prefix, ((0, 0), (0, length - time)))
            try:
                outputs = self._outputs(padded, *sources)
                return log_probabilities(_at(outputs, time - 1), self._from_logits)
            except ValueError:  # the model takes fewer steps than that
                if self.longest:
                    raise
                self._is_padded = False
        return log_probabilities(_at(self._outputs(prefix, *sources), -1), self._from_logits)

    def _try(self, shapes: list) -> tuple[Any, list]:
        """Returns the outputs of a dry run on ids that every model has, and its sources."""
        sources = [np.ones((1, shape[1] or SOURCE_LENGTH), int) for shape in shapes[:-1]]
        return self._outputs(np.ones((1, self.longest or 2), int), *sources), sources

    def _outputs(self, ids: np.ndarray, *sources: np.ndarray) -> Any:
        """Returns the model's outputs for ids and their sources; stateful layers start anew."""
        tensors = [ops.convert_to_tensor(array, "int32") for array in (*sources, ids)]
        try:
            with suspended_states(self._model):
                outputs = self._model(tensors if sources else tensors[0], training=False)
        except MemoryError:
            raise
        except Exception as cause:  # each framework, and each layer, has errors of its own
            expected = f"one that takes ids of shape {ids.shape}"
            raise argument_error("model", expected, self._model.name) from cause
        shape = tuple(getattr(outputs, "shape", ()))
        if isinstance(outputs, list | tuple | dict) or shape[:-1] not in (ids.shape, ids.shape[:1]):
            raise argument_error("model", f"one {OUTPUTS}", self._model.name)
        return outputs


def _at(outputs: Any, place: int) -> Any:
    return outputs[:, place] if len(outputs.shape) == 3 else outputs
