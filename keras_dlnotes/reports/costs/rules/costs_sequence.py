"""The multiplications of recurrent and attention layers."""

from math import prod

import keras

from keras_dlnotes.reports.costs.rules.costs import channels
from keras_dlnotes.reports.costs.rules.moves import first_shape
from keras_dlnotes.reports.costs.rules.table import find_cost


def cell(cell, input_shape, output_shape):
    """One step: every matrix product, and the gates' products.

    U units and D features make G·U·(D+U) in G gate blocks, as the shape of the weights shows: 1 in
    a simple cell, 4 in an LSTM, 3 in a GRU and in an LSTM with coupled gates. The gates of an LSTM
    or a GRU add 3·U products.
    """
    batch, *features = first_shape(input_shape)
    blocks = cell.recurrent_kernel.shape[-1] // cell.units
    matrices = blocks * cell.units * (prod(features) + cell.units)
    gates = 0 if isinstance(cell, keras.layers.SimpleRNNCell) else 3 * cell.units
    return batch * (matrices + gates)


def recurrent(layer, input_shape, output_shape):
    """Those of its cell, at each of the T steps: T·(4U(D+U) + 3U) for an LSTM."""
    batch, steps, *features = first_shape(input_shape)
    one_step = find_cost(layer.cell)
    return one_step and steps * one_step(layer.cell, (batch, *features), None)


def convolutional_lstm(layer, input_shape, output_shape):
    """At each step, four convolutions of the input and of the state, and the gates' products."""
    batch, steps, *picture = first_shape(input_shape)
    outputs = prod(first_shape(output_shape)) // (steps if layer.return_sequences else 1)
    inputs = channels(layer, (batch, *picture))
    one_step = 4 * prod(layer.kernel_size) * (inputs + layer.filters) + 3
    return steps * outputs * one_step


def merged_directions(layer, input_shape, output_shape):
    """The merge of the two directions, each of which is counted separately."""
    return prod(first_shape(output_shape)) if layer.merge_mode == "mul" else 0


def dot_product_attention(layer, input_shape, output_shape):
    """Scores Q·Kᵀ and the weighted values, for every pair of positions."""
    query, value = input_shape[:2]
    key = input_shape[2] if len(input_shape) > 2 else value
    pairs = prod(query[:-1]) * value[-2]
    if layer.score_mode == "concat":
        scores = 1 + (key[-1] if layer.use_scale else 0)
    else:
        scores = key[-1] + (1 if layer.use_scale else 0)
    return pairs * (scores + value[-1])


def additive_attention(layer, input_shape, output_shape):
    """The scale of every feature of every pair's sum, and the weighted values."""
    query, value = input_shape[:2]
    pairs = prod(query[:-1]) * value[-2]
    return pairs * ((query[-1] if layer.use_scale else 0) + value[-1])


def multi_head_attention(layer, input_shape, output_shape):
    """The four projections, the scores Q·Kᵀ and the weighted values."""
    query, value = input_shape[:2]
    key = input_shape[2] if len(input_shape) > 2 else value
    config = layer.get_config()
    heads, key_dim = config["num_heads"], config["key_dim"]
    value_dim = config["value_dim"] or key_dim
    axes = config["attention_axes"] or range(1, len(query) - 1)
    axes = [axis % len(query) for axis in ([axes] if isinstance(axes, int) else axes)]
    pairs = prod(query[:-1]) * prod(value[axis] for axis in axes)
    outputs = prod(first_shape(output_shape)) // prod(query[:-1])
    projections = prod(query) * key_dim + prod(key) * key_dim + prod(value) * value_dim
    projections += prod(query[:-1]) * value_dim * outputs
    return heads * (projections + pairs * (key_dim + value_dim))


def grouped_query_attention(layer, input_shape, output_shape):
    """As multi-head attention, where several query heads share one head of keys and values."""
    query, value = input_shape[:2]
    key = input_shape[2] if len(input_shape) > 2 else value
    config = layer.get_config()
    size, heads, shared = (
        config[name] for name in ("head_dim", "num_query_heads", "num_key_value_heads")
    )
    pairs = prod(query[:-1]) * value[-2]
    projections = heads * (prod(query) + prod(first_shape(output_shape))) + shared * (
        prod(key) + prod(value)
    )
    return size * (projections + 2 * heads * pairs)


def reversible_embedding(layer, input_shape, output_shape):
    """0 for a look-up; every feature by every word if called in reverse."""
    if len(output_shape) > len(input_shape):
        return 0
    return prod(input_shape) * layer.input_dim
