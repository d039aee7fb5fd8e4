"""Recurrent networks for each kind of task with sequences: one or many in, one or many out."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import argument_error, choice, fraction, integer, is_integer
from keras_dlnotes.models.sizes import counts, preprocessed

CELLS = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def many_to_one(
    input_shape: Sequence[int | None],
    outputs: int,
    units: int | Sequence[int] = 64,
    cell: str = "lstm",
    bidirectional: bool = False,
    activation: str | Callable | None = "softmax",
    mask_value: float | None = 0.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that tells one thing of a sequence: ŷ = ψ(h_T·W_hy + b_o).

    Args:
        input_shape: (time, features); time may be None, features ≥ 1.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        cell: "simple", "lstm" or "gru".
        bidirectional: whether a second network reads from the end; the states stand side by side.
        activation: ψ of the last layer; None for values as in forecasting.
        mask_value: steps whose features all have this value are padding and left out. None reads
            all of them, as it must be where such steps mean something.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).

    Returns:
        An uncompiled functional model, (batch, time, features) → (batch, outputs).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Types of RNN", "The Hidden State & Output", "Bi-directional LSTM".

    Example:

    >>> many_to_one((None, 12), outputs=9, bidirectional=True).output_shape
    (None, 9)
    """
    return _from_sequence(
        input_shape,
        outputs,
        units,
        cell,
        bidirectional,
        activation,
        mask_value,
        dropout,
        every_step=False,
    )


def many_to_many(
    input_shape: Sequence[int | None],
    outputs: int,
    units: int | Sequence[int] = 64,
    cell: str = "lstm",
    bidirectional: bool = False,
    activation: str | Callable | None = "softmax",
    mask_value: float | None = 0.0,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that tells one thing of every step: ŷ_t = ψ(h_t·W_hy + b_o), aligned.

    Args:
        input_shape: (time, features); time may be None, features ≥ 1.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        cell: "simple", "lstm" or "gru".
        bidirectional: whether a second network reads from the end; the states stand side by side.
        activation: ψ of the last layer; None for values.
        mask_value: steps whose features all have this value are padding, which neither the states
            nor the loss counts. None reads all of them.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).

    Returns:
        An uncompiled functional model, (batch, time, features) → (batch, time, outputs).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Types of RNN", "Recurrent Neural Networks" (aligned).

    Example:

    >>> many_to_many((20, 3), outputs=2, cell="gru").output_shape
    (None, 20, 2)
    """
    return _from_sequence(
        input_shape,
        outputs,
        units,
        cell,
        bidirectional,
        activation,
        mask_value,
        dropout,
        every_step=True,
    )


def one_to_many(
    input_shape: Sequence[int],
    steps: int,
    outputs: int,
    units: int = 64,
    cell: str = "lstm",
    activation: str | Callable | None = "softmax",
    preprocessing: Sequence[keras.layers.Layer] = (),
) -> keras.Model:
    """Builds a network that unfolds one thing into a sequence, such as an image into its caption.

    The input sets the hidden state, h_0 = tanh(x·W + b), and is read again at each step.

    Args:
        input_shape: of one example, such as (16,) or (28, 28, 1); more than one axis is flattened.
        steps: length of the sequence, ≥ 1; shorter ones end in a class of their own, such as 0.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, ≥ 1.
        cell: "simple", "lstm" or "gru".
        activation: of the last layer; None for values.
        preprocessing: layers that the input goes through first, such as convolutions.

    Returns:
        An uncompiled functional model, (batch, *input_shape) → (batch, steps, outputs).

    Raises:
        ValueError: for an argument out of range.

    Reference:
        Lecture notes, "Types of RNN".

    Example:

    >>> one_to_many((8, 8, 1), steps=5, outputs=27).output_shape
    (None, 5, 27)
    """
    input_shape = counts("input_shape", input_shape)
    if not input_shape:
        raise argument_error("input_shape", "one length an axis, and at least one", input_shape)
    for name, value in (("steps", steps), ("outputs", outputs), ("units", units)):
        integer(name, value, minimum=1)
    choice("cell", cell, CELLS)

    inputs = keras.Input(input_shape)
    vector = preprocessed(inputs, preprocessing)
    if len(vector.shape) > 2:
        vector = keras.layers.Flatten()(vector)
    state_count = 2 if cell == "lstm" else 1
    states = [
        keras.layers.Dense(units, "tanh", name=f"state{number}")(vector)
        for number in range(1, state_count + 1)
    ]
    repeated = keras.layers.RepeatVector(steps)(vector)
    rnn = _recurrent(cell, units, return_sequences=True, name="recurrent")
    hidden = rnn(repeated, initial_state=states)
    result = keras.layers.Dense(outputs, activation, name="outputs")(hidden)
    return keras.Model(inputs, result, name="one_to_many")


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

    `models.sample` writes with it; `text.sequence_log_probability` says how probable a text is.

    Args:
        vocabulary_size: number of ids, ≥ 2; id 0 pads, and is masked.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        embedding_dim: size of the vector that stands for a token, ≥ 1.
        cell: "simple", "lstm" or "gru".
        stateful: whether a batch goes on where the last one ended, row by row.
        batch_size: number of rows, which must be fixed where the model is stateful: 1 by default.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).

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
    integer("vocabulary_size", vocabulary_size, minimum=2)
    if batch_size is not None:
        integer("batch_size", batch_size, minimum=1)
    elif stateful:
        batch_size = 1
    inputs = keras.Input(batch_shape=(batch_size, None), dtype="int32")
    vectors = _embedded(inputs, vocabulary_size, embedding_dim, "embedding")
    hidden = _stack(vectors, units, cell, dropout=dropout, stateful=bool(stateful))
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
    """Builds a network that tags every token, with what comes before it and after it in mind.

    Args:
        vocabulary_size: number of ids, ≥ 2; id 0 pads, and is masked.
        tags: number of classes of a token, ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        embedding_dim: size of the vector that stands for a token, ≥ 1.
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
    integer("vocabulary_size", vocabulary_size, minimum=2)
    integer("tags", tags, minimum=1)
    inputs = keras.Input((None,), dtype="int32")
    vectors = _embedded(inputs, vocabulary_size, embedding_dim, "embedding")
    hidden = _stack(vectors, units, cell, bidirectional, dropout=dropout)
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
    """Builds an encoder and a decoder: from a sequence to another one of any length, unaligned.

    P(y_t | y_{t−1}, …, y_1, x) = softmax(s_t·W + b), where the decoder's first state s_0 is the
    encoder's last, h_T. Train with teacher forcing: the second input is the target shifted right,
    so that the decoder sees the true y_{t−1}. Afterwards `models.decode` finds y step by step.

    Args:
        source_vocabulary: number of source ids, ≥ 2; id 0 pads, and is masked.
        target_vocabulary: number of target ids, ≥ 2; id 0 pads, and is masked.
        units: size of the hidden states, ≥ 1.
        embedding_dim: size of the vector that stands for a token, ≥ 1.
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
    >>> source, target = [[7, 8, 9, 0]], [[1, 12, 13]]  # 1 starts, in the place of the first token
    >>> model([keras.ops.array(source), keras.ops.array(target)]).shape == (1, 3, 50)
    True
    """
    integer("source_vocabulary", source_vocabulary, minimum=2)
    integer("target_vocabulary", target_vocabulary, minimum=2)
    integer("units", units, minimum=1)
    choice("cell", cell, CELLS)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    vectors = _embedded(source, source_vocabulary, embedding_dim, "source_embedding")
    encoder = _recurrent(cell, units, dropout=dropout, return_state=True, name="encoder")
    _, *states = encoder(vectors)
    vectors = _embedded(target, target_vocabulary, embedding_dim, "target_embedding")
    decoder = _recurrent(
        cell, units, dropout=dropout, return_sequences=True, return_state=True, name="decoder"
    )
    hidden, *_ = decoder(vectors, initial_state=states)
    outputs = keras.layers.Dense(target_vocabulary, "softmax", name="probabilities")(hidden)
    return keras.Model([source, target], outputs, name="sequence_to_sequence")


def _from_sequence(
    input_shape, outputs, units, cell, bidirectional, activation, mask_value, dropout, every_step
) -> keras.Model:
    """`many_to_many` where it tells something of `every_step`, else `many_to_one`."""
    shape = _sequence_shape(input_shape)
    integer("outputs", outputs, minimum=1)
    inputs = sequence = keras.Input(shape)
    if mask_value is not None:
        sequence = keras.layers.Masking(mask_value, name="mask")(sequence)
    hidden = _stack(sequence, units, cell, bidirectional, dropout=dropout, every_step=every_step)
    result = keras.layers.Dense(outputs, activation, name="outputs")(hidden)
    return keras.Model(inputs, result, name="many_to_many" if every_step else "many_to_one")


def _sequence_shape(value: Any) -> tuple[int | None, int]:
    """Returns (time, features), or raises."""
    is_pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
    known = [length for length in value if length is not None] if is_pair else []
    is_right = all(is_integer(length) and length >= 1 for length in known)
    if not is_pair or value[1] is None or not is_right:
        expected = "(time, features), integers ≥ 1; time may be None"
        raise argument_error("input_shape", expected, value)
    return tuple(value)


def _embedded(inputs, vocabulary_size: int, embedding_dim: int, name: str):
    integer("embedding_dim", embedding_dim, minimum=1)
    embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True, name=name)
    return embedding(inputs)


def _stack(
    sequence, units, cell, bidirectional=False, dropout=0.0, every_step=True, stateful=False
):
    """Applies one recurrent layer after the other; the last tells of every step or of the last."""
    choice("cell", cell, CELLS)
    sizes = (integer("units", units, minimum=1),) if is_integer(units) else counts("units", units)
    if not sizes:
        raise argument_error("units", "one size a layer, and at least one", units)
    for number, size in enumerate(sizes, start=1):
        layer = _recurrent(
            cell,
            size,
            dropout=dropout,
            return_sequences=every_step or number < len(sizes),
            stateful=stateful,
            name=f"recurrent{number}",
        )
        if bidirectional:
            layer = layers.Bidirectional(layer, name=f"bidirectional{number}")
        sequence = layer(sequence)
    return sequence


def _recurrent(cell: str, units: int, dropout: float = 0.0, **arguments: Any) -> keras.layers.Layer:
    fraction("dropout", dropout)
    return getattr(layers, CELLS[cell])(units, dropout=dropout, **arguments)
