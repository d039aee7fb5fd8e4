"""Models of two inputs, a source and a target shifted right, by name."""

import keras

from keras_dlnotes.models import sequence_to_sequence
from tests.models.writers import UNITS, VOCABULARY, K

SOURCES = 6


def translator(read, write, last="softmax", masked=True):
    source, target = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="int32")
    sources = K.Embedding(SOURCES, 3, mask_zero=masked)(source)
    targets = K.Embedding(VOCABULARY, UNITS, mask_zero=masked)(target)
    outputs = K.Dense(VOCABULARY, last)(write(targets, read(sources)))
    return keras.Model([source, target], outputs)


def _last(sources):
    return K.GRU(UNITS)(sources)


def _both_ways(sources):
    return K.Bidirectional(K.GRU(UNITS // 2))(sources)


def _gru(targets, state, **arguments):
    return K.GRU(UNITS, return_sequences=True, **arguments)(targets, initial_state=state)


def _stack(targets, state):
    return K.LayerNormalization()(
        targets + K.LSTM(UNITS, return_sequences=True)(_gru(targets, state))
    )


def _attention(targets, sources):
    hidden = K.GRU(UNITS, return_sequences=True)(targets)
    return hidden + K.MultiHeadAttention(2, 3)(hidden, sources)


def _of_other_layers(change):
    """A model with the names of `sequence_to_sequence`, of which it is none."""
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    sources = K.Embedding(SOURCES, 3, name="source_embedding")(source)
    _, *states = K.LSTM(UNITS, return_state=True, name="encoder")(sources)
    targets = K.Embedding(VOCABULARY, 3, name="target_embedding")(target)
    if change == "states":
        states = states[::-1]
    if change == "between":
        targets = K.Dense(3, "tanh")(targets)
    decoder = K.LSTM(UNITS, return_sequences=True, return_state=True, name="decoder")
    hidden = decoder(targets, initial_state=states)[0]
    if change == "behind":
        hidden = K.Dense(3, "tanh")(hidden)
    outputs = K.Dense(VOCABULARY, "softmax", name="probabilities")(hidden)
    return keras.Model([source, target], outputs)


TRANSLATORS = {
    "builder's": lambda: sequence_to_sequence(SOURCES, VOCABULARY, UNITS, embedding_dim=3),
    "GRU": lambda: translator(_last, _gru),
    "unmasked": lambda: translator(_last, _gru, masked=False),
    "read from both ends": lambda: translator(_both_ways, _stack),
    "attention": lambda: translator(lambda sources: sources, _attention),
    **{
        f"other {change}": lambda change=change: _of_other_layers(change)
        for change in ("nothing", "states", "between", "behind")
    },
}

AHEAD = {
    "backwards": lambda: translator(_last, lambda t, s: _gru(t, s, go_backwards=True)),
    "both ways": lambda: translator(
        _last, lambda t, s: K.Bidirectional(K.GRU(3, return_sequences=True))(_gru(t, s))
    ),
    "attention": lambda: translator(_last, lambda t, s: t + K.MultiHeadAttention(2, 3)(t, t)),
    "convolution": lambda: translator(
        _last, lambda t, s: K.Conv1D(4, 3, padding="same")(_gru(t, s))
    ),
}
