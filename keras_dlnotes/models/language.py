"""Recurrent networks on tokens: a language model, a tagger, an encoder with a decoder."""

from collections.abc import Sequence

import keras

from keras_dlnotes.common.checks import flag
from keras_dlnotes.models import arguments
from keras_dlnotes.models.recurrent import (
    check_embedding,
    check_stack,
    embedded,
    recurrent_layer,
    recurrent_stack,
)


def language_model(
    vocabulary_size: int,
    units: int | Sequence[int] = 128,
    embedding_dim: int = 64,
    cell: str = "lstm",
    stateful: bool = False,
    batch_size: int | None = None,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that predicts the next token: P(x_{t+1} | x_t, …, x_1) = softmax(h_t·W + b).

    `models.sample` generates text with it; `text.sequence_log_probability` returns the probability
    of one.

    Args:
        vocabulary_size: number of ids, ≥ 2; id 0 pads, and is masked.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        embedding_dim: size of the vector of a token, ≥ 1.
        cell: "simple", "lstm" or "gru".
        stateful: whether each row of a batch continues the same row of the last one.
        batch_size: number of rows, which must be fixed in a stateful model: 1 by default.
        dropout: fraction dropped of the inputs of each recurrent layer and of the softmax, in
            [0, 1).

    Returns:
        An uncompiled functional model, ids (batch, time) → probabilities (batch, time,
        vocabulary_size).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "The Basic Task in Sequence Modeling", "The Hidden State Model".

    Example:

    >>> language_model(vocabulary_size=100, cell="gru").output_shape
    (None, None, 100)
    """
    check_embedding("vocabulary_size", vocabulary_size, embedding_dim)
    sizes = check_stack(
        ("embedding_dim", embedding_dim, embedding_dim),
        units,
        cell,
        dropout,
        ("vocabulary_size", vocabulary_size, vocabulary_size),
    )
    stateful = flag("stateful", stateful)
    if batch_size is not None:
        arguments.count("batch_size", batch_size)
        arguments.check_weights(("batch_size", batch_size, batch_size), ("units", units, *sizes))
    elif stateful:
        batch_size = 1
    inputs = keras.Input(batch_shape=(batch_size, None), dtype="int32")
    vectors = embedded(inputs, vocabulary_size, embedding_dim, "embedding")
    hidden = recurrent_stack(vectors, sizes, cell, dropout=dropout, stateful=stateful)
    if dropout:
        hidden = keras.layers.Dropout(dropout, name="dropout")(hidden)
    outputs = keras.layers.Dense(vocabulary_size, "softmax", name="probabilities")(hidden)
    return keras.Model(inputs, outputs, name="language_model")


def tagger(
    vocabulary_size: int,
    tags: int,
    units: int | Sequence[int] = 64,
    embedding_dim: int = 64,
    cell: str = "lstm",
    bidirectional: bool = True,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that tags every token, from its context on both sides.

    Args:
        vocabulary_size: number of ids, ≥ 2; id 0 pads, and is masked.
        tags: number of classes of a token, ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        embedding_dim: size of the vector of a token, ≥ 1.
        cell: "simple", "lstm" or "gru".
        bidirectional: whether a second network reads from the end.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).

    Returns:
        An uncompiled functional model, ids (batch, time) → probabilities (batch, time, tags).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Types of RNN" (parts of speech), "Bi-directional LSTM".

    Example:

    >>> tagger(vocabulary_size=100, tags=17).output_shape
    (None, None, 17)
    """
    check_embedding("vocabulary_size", vocabulary_size, embedding_dim)
    arguments.count("tags", tags)
    sizes = check_stack(
        ("embedding_dim", embedding_dim, embedding_dim),
        units,
        cell,
        dropout,
        ("tags", tags, tags),
        bidirectional,
    )
    inputs = keras.Input((None,), dtype="int32")
    vectors = embedded(inputs, vocabulary_size, embedding_dim, "embedding")
    hidden = recurrent_stack(vectors, sizes, cell, bidirectional, dropout=dropout)
    outputs = keras.layers.Dense(tags, "softmax", name="probabilities")(hidden)
    return keras.Model(inputs, outputs, name="tagger")


def sequence_to_sequence(
    source_vocabulary: int,
    target_vocabulary: int,
    units: int = 128,
    embedding_dim: int = 64,
    cell: str = "lstm",
    dropout: float = 0.0,
) -> keras.Model:
    """Builds an encoder and a decoder, from a sequence to one of any other length, unaligned.

    P(y_t | y_{t−1}, …, y_1, x) = softmax(s_t·W + b), where the decoder's first state s_0 is the
    encoder's last, h_T. Train with teacher forcing: the second input is the target shifted right,
    so that the decoder sees the true y_{t−1}. Afterwards `models.decode` finds y step by step.

    Args:
        source_vocabulary: number of source ids, ≥ 2; id 0 pads, and is masked.
        target_vocabulary: number of target ids, ≥ 2; id 0 pads, and is masked.
        units: size of the hidden states, ≥ 1.
        embedding_dim: size of the vector of a token, ≥ 1.
        cell: "simple", "lstm" or "gru".
        dropout: fraction of the inputs dropped at both recurrent layers, in [0, 1).

    Returns:
        An uncompiled functional model, [source ids (batch, time), target ids shifted right (batch,
        time')] → probabilities (batch, time', target_vocabulary).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Types of RNN", "Recurrent Neural Networks" (unaligned); I. Sutskever,
        O. Vinyals, Q. V. Le, "Sequence to Sequence Learning with Neural Networks", 2014.

    Example:

    >>> model = sequence_to_sequence(source_vocabulary=30, target_vocabulary=50, units=16)
    >>> source, target = [[7, 8, 9, 0]], [[1, 12, 13]]  # 1 is the start token
    >>> model([keras.ops.array(source), keras.ops.array(target)]).shape == (1, 3, 50)
    True
    """
    check_embedding("source_vocabulary", source_vocabulary, embedding_dim)
    check_embedding("target_vocabulary", target_vocabulary, embedding_dim)
    arguments.count("units", units)
    check_stack(
        ("embedding_dim", embedding_dim, embedding_dim),
        units,
        cell,
        dropout,
        ("target_vocabulary", target_vocabulary, target_vocabulary),
    )
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    vectors = embedded(source, source_vocabulary, embedding_dim, "source_embedding")
    encoder = recurrent_layer(cell, units, dropout=dropout, return_state=True, name="encoder")
    _, *states = encoder(vectors)
    vectors = embedded(target, target_vocabulary, embedding_dim, "target_embedding")
    decoder = recurrent_layer(
        cell, units, dropout=dropout, return_sequences=True, return_state=True, name="decoder"
    )
    hidden, *_ = decoder(vectors, initial_state=states)
    outputs = keras.layers.Dense(target_vocabulary, "softmax", name="probabilities")(hidden)
    return keras.Model([source, target], outputs, name="sequence_to_sequence")
