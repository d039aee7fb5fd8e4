"""Recurrent networks for each kind of task with sequences: one or many in, one or many out."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import keras

from keras_dlnotes.common.checks import argument_error, integer, is_integer, is_sequence, number
from keras_dlnotes.models import arguments
from keras_dlnotes.models.recurrent import check_stack, recurrent_layer, recurrent_stack
from keras_dlnotes.ops.windows import standardize_data_format


def many_to_one(
    input_shape: Sequence[int | None],
    outputs: int,
    units: int | Sequence[int] = 64,
    cell: str = "lstm",
    bidirectional: bool = False,
    activation: str | Callable | None = "softmax",
    mask_value: float | None = 0.0,
    dropout: float = 0.0,
    truncate: int | None = None,
) -> keras.Model:
    """Builds a network with one output for a sequence: ŷ = ψ(h_T·W_hy + b_o).

    Args:
        input_shape: (time, features); time may be None, features ≥ 1.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        cell: "simple", "lstm" or "gru".
        bidirectional: whether a second network reads from the end; the states are concatenated.
        activation: ψ of the last layer; None for values as in forecasting.
        mask_value: steps whose features all have this value are padding and skipped. None reads
            all steps, for data in which this value has a meaning.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).
        truncate: the length ≥ 1 of blocks between which no gradient flows; None for one block.

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
        truncate,
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
    truncate: int | None = None,
) -> keras.Model:
    """Builds a network with one output for every step: ŷ_t = ψ(h_t·W_hy + b_o), aligned.

    Args:
        input_shape: (time, features); time may be None, features ≥ 1.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, or one size for each of several recurrent layers.
        cell: "simple", "lstm" or "gru".
        bidirectional: whether a second network reads from the end; the states are concatenated.
        activation: ψ of the last layer; None for values.
        mask_value: steps whose features all have this value are padding, skipped by the states and
            by the loss. None reads all steps.
        dropout: fraction of the inputs dropped at each recurrent layer, in [0, 1).
        truncate: the length ≥ 1 of blocks between which no gradient flows; None for one block.

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
        truncate,
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
    data_format: str | None = None,
) -> keras.Model:
    """Builds a network from one input to a sequence, such as from an image to its caption.

    The input sets the hidden state, h_0 = tanh(x·W + b), and is also an input at each step.

    Args:
        input_shape: of one example, such as (16,) or (28, 28, 1); more than one axis is flattened.
        steps: length of the sequence, 1 to 2²⁰; shorter ones end with a class for padding, such as
            0.
        outputs: number of classes, or of values where `activation` is None; ≥ 1.
        units: size of the hidden state h, ≥ 1.
        cell: "simple", "lstm" or "gru".
        activation: of the last layer; None for values.
        preprocessing: layers to apply to the input first, such as convolutions.
        data_format: of an image, "channels_last", "channels_first" or None, Keras's default; its
            values are flattened in the same order in both.

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
    input_shape = arguments.example_shape(input_shape)
    integer("steps", steps, minimum=1, maximum=arguments.MOST_STEPS)
    arguments.count("outputs", outputs)
    arguments.count("units", units)
    arguments.activation("activation", activation)
    standardize_data_format(data_format)
    inputs = vector = keras.Input(input_shape)
    for layer in arguments.layer_list("preprocessing", preprocessing):
        vector = layer(vector)
    features = prod(length or 1 for length in vector.shape[1:])
    check_stack(
        ("input_shape", input_shape, features), units, cell, 0.0, ("outputs", outputs, outputs)
    )

    if len(vector.shape) > 2:
        vector = keras.layers.Flatten(data_format)(vector)
    state_count = 2 if cell == "lstm" else 1
    states = [
        keras.layers.Dense(units, "tanh", name=f"state{number}")(vector)
        for number in range(1, state_count + 1)
    ]
    repeated = keras.layers.RepeatVector(steps)(vector)
    rnn = recurrent_layer(cell, units, return_sequences=True, name="recurrent")
    hidden = rnn(repeated, initial_state=states)
    result = keras.layers.Dense(outputs, activation, name="outputs")(hidden)
    return keras.Model(inputs, result, name="one_to_many")


def _from_sequence(
    input_shape,
    outputs,
    units,
    cell,
    bidirectional,
    activation,
    mask_value,
    dropout,
    truncate,
    every_step,
) -> keras.Model:
    """Builds `many_to_many` if there is an output for `every_step`, else `many_to_one`."""
    shape = _sequence_shape(input_shape)
    arguments.count("outputs", outputs)
    arguments.activation("activation", activation)
    if mask_value is not None:
        number("mask_value", mask_value)
    sizes = check_stack(
        ("input_shape", input_shape, shape[1]),
        units,
        cell,
        dropout,
        ("outputs", outputs, outputs),
        bidirectional,
        truncate,
    )

    inputs = sequence = keras.Input(shape)
    if mask_value is not None:
        sequence = keras.layers.Masking(mask_value, name="mask")(sequence)
    hidden = recurrent_stack(
        sequence,
        sizes,
        cell,
        bidirectional,
        dropout=dropout,
        every_step=every_step,
        truncate=truncate,
    )
    result = keras.layers.Dense(outputs, activation, name="outputs")(hidden)
    return keras.Model(inputs, result, name="many_to_many" if every_step else "many_to_one")


def _sequence_shape(value: Any) -> tuple[int | None, int]:
    """Returns (time, features), or raises."""
    is_pair = is_sequence(value) and len(value) == 2
    known = [length for length in value if length is not None] if is_pair else []
    is_right = all(is_integer(length) and length >= 1 for length in known)
    if not is_pair or value[1] is None or not is_right:
        expected = "(time, features), integers ≥ 1; time may be None"
        raise argument_error("input_shape", expected, value)
    if prod(known) > arguments.MOST:
        expected = f"integers with a product ≤ {arguments.MOST}"
        raise argument_error("input_shape", expected, value)
    return tuple(value)
