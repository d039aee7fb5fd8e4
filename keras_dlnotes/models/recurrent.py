"""The building blocks of the recurrent networks: embedded tokens, a stack of recurrent layers."""

from itertools import pairwise
from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.common.checks import choice, flag, fraction, integer, is_integer
from keras_dlnotes.models import arguments

CELLS = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
GATES = 4  # the most that a cell has


def embedded(inputs, vocabulary_size: int, embedding_dim: int, name: str):
    embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True, name=name)
    return embedding(inputs)


def check_embedding(name: str, vocabulary_size: int, embedding_dim: int) -> None:
    """Raises where the vocabulary, an argument of this name, or its vectors are out of range."""
    arguments.count(name, vocabulary_size, minimum=2)
    arguments.count("embedding_dim", embedding_dim)
    arguments.check_weights(
        (name, vocabulary_size, vocabulary_size), ("embedding_dim", embedding_dim, embedding_dim)
    )


def check_stack(
    features: tuple[str, Any, int],
    units: Any,
    cell: str,
    dropout: float,
    outputs: tuple[str, Any, int],
    bidirectional: bool = False,
    truncate: int | None = None,
) -> tuple[int, ...]:
    """Returns the units of each recurrent layer, or raises where an argument is out of range.

    Args:
        features: name, value and width of what the first layer reads.
        units: of one layer, or a list of them.
        cell: one of `CELLS`.
        dropout: fraction of the inputs dropped.
        outputs: name, value and width of what the last layer leads to.
        bidirectional: whether a second network reads from the end.
        truncate: steps of a block, or None.
    """
    sizes = (arguments.count("units", units),) if is_integer(units) else units
    sizes = arguments.counts("units", sizes, fewest=1)
    choice("cell", cell, CELLS)
    flag("bidirectional", bidirectional)
    fraction("dropout", dropout)
    if truncate is not None:
        integer("truncate", truncate, minimum=1)
    sides = 2 if bidirectional else 1
    arguments.check_weights(features, ("units", units, sizes[0]), taps=GATES)
    for before, after in [*zip(sizes, sizes, strict=True), *pairwise(sizes)]:
        arguments.check_weights(("units", units, sides * before, after), taps=GATES)
    arguments.check_weights(("units", units, sides * sizes[-1]), outputs)
    return sizes


def recurrent_stack(
    sequence,
    sizes: tuple[int, ...],
    cell: str,
    bidirectional: bool = False,
    dropout: float = 0.0,
    every_step: bool = True,
    stateful: bool = False,
    truncate: int | None = None,
):
    """Applies recurrent layers in turn; the last one returns every step, or the last step."""
    for number, size in enumerate(sizes, start=1):
        layer = recurrent_layer(
            cell,
            size,
            dropout=dropout,
            return_sequences=every_step or number < len(sizes),
            stateful=stateful,
            truncate=truncate,
            name=f"recurrent{number}",
        )
        if bidirectional:
            layer = layers.Bidirectional(layer, name=f"bidirectional{number}")
        sequence = layer(sequence)
    return sequence


def recurrent_layer(cell: str, units: int, **arguments: Any) -> keras.layers.Layer:
    return getattr(layers, CELLS[cell])(units, **arguments)
