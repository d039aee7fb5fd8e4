"""A tokenizer as a Keras preprocessing layer."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_dlnotes.common.checks import LARGEST, argument_error, integer
from keras_dlnotes.common.extras import require
from keras_dlnotes.text.texts import entries

TOKENIZERS: dict[str, Any] = {}  # those that a saved layer may name


def registered(tokenizer: type) -> type:
    """Lets saved layers name a class of tokenizers: a decorator."""
    TOKENIZERS[tokenizer.__name__] = tokenizer
    return tokenizer


@keras.saving.register_keras_serializable(package="keras_dlnotes")
class Tokenization(keras.layers.Layer):
    """Turns strings into ids, in `tf.data` pipelines, in models and by hand.

    It is to a tokenizer what `keras.layers.TextVectorization` is to a list of words, and its
    tokenizer is saved with the model. In a pipeline it works on every backend; inside a model on
    TensorFlow alone, as everything in Keras that takes strings. It runs in Python: train on ids
    that a pipeline prepares, and export models without it.

    Args:
        tokenizer: a `RuleTokenizer`, or a fitted `BytePairTokenizer`. A `RuleTokenizer` encodes
            tokens outside its vocabulary by their bytes.
        output_length: int ≥ 1, the number of ids of every text: longer ones are cut at their end,
            shorter ones padded with 0. None pads to the longest of the batch.
        before: names of special tokens to put before every text, such as ["<start>"].
        after: names of special tokens to put after every text, cut or not.

    Input shape:
        Strings of any shape, such as (batch,).

    Output shape:
        int32, the input's shape and (output_length,).

    Raises:
        ValueError: for another tokenizer, unknown special tokens, or an output_length that is too
            short for them.

    Reference:
        Lecture notes, "Tokens".

    Example:

    >>> from keras_dlnotes.text import RuleTokenizer
    >>> tokenizer = RuleTokenizer().adapt(["it is so", "it is raining"])
    >>> layer = Tokenization(tokenizer, output_length=4, after=["<end>"])
    >>> keras.ops.convert_to_numpy(layer(["it is", "it is raining again"])).tolist()
    [[260, 259, 2, 0], [260, 259, 261, 2]]
    """

    def __init__(
        self,
        tokenizer: Any,
        output_length: int | None = None,
        before: Sequence[str] = (),
        after: Sequence[str] = (),
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA knows no strings
        if type(tokenizer) not in TOKENIZERS.values():
            raise argument_error("tokenizer", f"one of {', '.join(TOKENIZERS)}", tokenizer)
        tokenizer.encode("")  # raises unless it is fitted
        self.tokenizer = tokenizer
        self.before = _known("before", before, tokenizer)
        self.after = _known("after", after, tokenizer)
        if output_length is not None:
            shortest = len(self.before) + len(self.after) + 1
            hint = "None pads to the longest of the batch."
            output_length = integer("output_length", output_length, shortest, LARGEST, hint)
        self.output_length = output_length

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, keras.KerasTensor):
            return super().__call__(inputs, *args, **kwargs)
        # Keras would convert it to tensors of the backend, which may not know strings
        return self.call(inputs)

    def call(self, inputs):
        require("tensorflow", "tensorflow")
        import tensorflow as tf

        try:
            strings = tf.convert_to_tensor(inputs, tf.string)
        except (TypeError, ValueError) as cause:
            raise argument_error("inputs", "strings, or an array of them", inputs) from cause
        shape = strings.shape.concatenate([self.output_length])
        if tf.executing_eagerly():
            return keras.ops.convert_to_tensor(self._ids(strings.numpy()), "int32")
        ids = tf.numpy_function(self._ids, [strings], tf.int32, stateful=False)
        return tf.ensure_shape(ids, shape)

    def _ids(self, strings) -> np.ndarray:
        strings = np.asarray(strings, dtype=object)
        names = self.tokenizer.special_tokens
        before, after = ([names[name] for name in part] for part in (self.before, self.after))
        rows = [self.tokenizer.encode(_decoded(string)) for string in strings.ravel()]
        longest = None
        if self.output_length is not None:
            longest = self.output_length - len(before) - len(after)
        rows = [[*before, *row[:longest], *after] for row in rows]
        length = self.output_length or max(map(len, rows), default=0)
        ids = np.zeros((len(rows), length), "int32")
        for target, row in zip(ids, rows, strict=True):
            target[: len(row)] = row
        return ids.reshape(*strings.shape, length)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_length)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="int32")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tokenizer": {
                "class_name": type(self.tokenizer).__name__,
                "config": self.tokenizer.get_config(),
            },
            "output_length": self.output_length,
            "before": list(self.before),
            "after": list(self.after),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Tokenization":
        saved = config["tokenizer"]
        tokenizer = TOKENIZERS[saved["class_name"]].from_config(saved["config"])
        return cls(**{**config, "tokenizer": tokenizer})


def _decoded(string: bytes) -> str:
    try:
        return string.decode()
    except UnicodeDecodeError as cause:
        raise argument_error("inputs", "strings in UTF-8", string) from cause


def _known(name: str, tokens: Sequence[str], tokenizer: Any) -> tuple[str, ...]:
    known = list(tokenizer.special_tokens)
    expected = f"a list of {', '.join(map(repr, known))}"
    found = tuple(entries(name, tokens, expected))
    if not all(token in known for token in found):
        raise argument_error(name, expected, tokens)
    return found
