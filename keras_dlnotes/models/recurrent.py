"""What the recurrent networks are made of: embedded tokens and a stack of recurrent layers."""

from typing import Any

import keras

from keras_dlnotes import layers
from keras_dlnotes.checks import argument_error, choice, fraction, integer, is_integer
from keras_dlnotes.models.sizes import counts

CELLS = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def embedded(inputs, vocabulary_size: int, embedding_dim: int, name: str):
    integer("embedding_dim", embedding_dim, minimum=1)
    embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, mask_zero=True, name=name)
    return embedding(inputs)


def recurrent_stack(
    sequence,
    units,
    cell,
    bidirectional=False,
    dropout=0.0,
    every_step=True,
    stateful=False,
    truncate=None,
):
    """Applies one recurrent layer after the other; the last tells of every step or of the last."""
    choice("cell", cell, CELLS)
    sizes = (integer("units", units, minimum=1),) if is_integer(units) else counts("units", units)
    if not sizes:
        raise argument_error("units", "one size a layer, and at least one", units)
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


def recurrent_layer(
    cell: str, units: int, dropout: float = 0.0, **arguments: Any
) -> keras.layers.Layer:
    fraction("dropout", dropout)
    return getattr(layers, CELLS[cell])(units, dropout=dropout, **arguments)
