"""Models of many kinds that tell of the next token, and models that look ahead, by name."""

import keras
import numpy as np

from keras_dlnotes import layers as ours

VOCABULARY = 7
UNITS = 4
K = keras.layers


@keras.saving.register_keras_serializable("tests")
class Leaky(keras.Layer):
    """A cell of the user's own, which says nothing of its first state."""

    def __init__(self, units, **arguments):
        super().__init__(**arguments)
        self.units = self.state_size = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units))

    def call(self, inputs, states):
        hidden = keras.ops.tanh(0.7 * states[0] + inputs @ self.kernel)
        return hidden, [hidden]


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = K.Embedding(VOCABULARY, 3)
        self.recurrent = K.GRU(UNITS, return_sequences=True)
        self.last = K.Dense(VOCABULARY, "softmax")

    def call(self, ids):
        return self.last(self.recurrent(self.embedding(ids)))


class StepsLeft(keras.Layer):
    """Adds how many steps there are till the end."""

    def call(self, inputs):
        steps = keras.ops.cumsum(keras.ops.ones_like(inputs), axis=1)
        return inputs + (steps[:, -1:] - steps) / 10


class Places(keras.Layer):
    """Adds a vector for each place, of which there are few."""

    def __init__(self):
        super().__init__()
        self.places = K.Embedding(9, UNITS)

    def call(self, inputs):
        steps = keras.ops.cumsum(keras.ops.ones_like(inputs[:, :, 0], "int32"), axis=1)
        return inputs + self.places(steps - 1)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


class Restless(keras.Layer):
    """Never gives the same answer twice."""

    def call(self, inputs):
        return inputs + keras.random.normal(keras.ops.shape(inputs))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def chain(*layers, dim=3, last="softmax", **embedding):
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            K.Embedding(VOCABULARY, dim, **embedding),
            *layers,
            K.Dense(VOCABULARY, last),
        ]
    )


def graph(connect, last="softmax", time=None, rows=None, outputs=1):
    ids = keras.Input(batch_shape=(rows, time), dtype="int32")
    values = connect(K.Embedding(VOCABULARY, UNITS, mask_zero=True)(ids))
    found = [K.Dense(VOCABULARY, last)(values) for _ in range(outputs)]
    return keras.Model(ids, found[0] if outputs == 1 else found)


def _two_branches(values):
    first = K.LSTM(UNITS, return_sequences=True)(values)
    second = K.GRU(UNITS, return_sequences=True)(values)
    return K.Concatenate()([first, K.Add()([second, values])])


def _residual(values):
    hidden = K.GRU(UNITS, return_sequences=True)(values)
    hidden = K.LayerNormalization()(K.Add()([values, hidden]))
    return hidden + K.SimpleRNN(UNITS, return_sequences=True)(hidden)


def _attentive(values):
    return values + K.MultiHeadAttention(2, 3)(values, values, use_causal_mask=True)


def _nested(values):
    inputs = keras.Input((None, UNITS))
    inner = keras.Model(inputs, inputs + K.GRU(UNITS, return_sequences=True)(inputs))
    return K.TimeDistributed(K.Dense(3, "tanh"))(inner(values))


def _shared(values):
    layer = K.GRU(UNITS, return_sequences=True)
    return layer(layer(values))


def _sequences(kind, **arguments):
    return kind(UNITS, return_sequences=True, **arguments)


WRITERS = {
    "embedding alone": lambda: chain(),
    "ours": lambda: chain(_sequences(ours.LSTM), _sequences(ours.GRU), mask_zero=True),
    "Keras's": lambda: chain(
        _sequences(K.LSTM), _sequences(K.GRU), _sequences(K.SimpleRNN), mask_zero=True
    ),
    "stacked cells": lambda: chain(
        K.RNN([ours.LSTMCell(3), K.GRUCell(2), Leaky(3)], return_sequences=True)
    ),
    "a cell of one's own": lambda: chain(K.RNN(Leaky(UNITS), return_sequences=True)),
    "delayed gate": lambda: chain(_sequences(ours.LSTM, output_gate="delayed")),
    "dropout and noise": lambda: chain(
        K.SpatialDropout1D(0.5),
        _sequences(K.GRU, dropout=0.5, recurrent_dropout=0.5),
        K.GaussianNoise(1.0),
        K.Dropout(0.5),
    ),
    "batch normalization": lambda: chain(
        K.BatchNormalization(), _sequences(K.GRU), ours.BatchNormalization()
    ),
    "layer normalization": lambda: chain(K.LayerNormalization(), K.Activation("tanh")),
    "time distributed": lambda: chain(
        K.TimeDistributed(keras.Sequential([K.Dense(3), K.LayerNormalization()])),
        _sequences(K.GRU),
        K.TimeDistributed(K.Dense(3, "relu")),
    ),
    "nested chain": lambda: chain(keras.Sequential([_sequences(K.GRU), K.Dense(3)]), K.ReLU()),
    "nested graph": lambda: graph(_nested),
    "two branches": lambda: graph(_two_branches),
    "residual": lambda: graph(_residual),
    "shared layer": lambda: graph(_shared),
    "attention": lambda: graph(_attentive),
    "causal convolution": lambda: chain(K.Conv1D(5, 3, padding="causal", dilation_rate=2)),
    "few places": lambda: graph(Places()),
    "fixed length": lambda: graph(_residual, time=8),
    "stateful": lambda: graph(
        lambda values: values + _sequences(K.GRU, stateful=True)(values), rows=1
    ),
    "subclassed": Subclassed,
    "no input yet": lambda: keras.Sequential(chain(_sequences(K.GRU)).layers),
    "last step alone": lambda: chain(_sequences(K.GRU), K.GRU(3), K.BatchNormalization()),
    "reader of both ways, last step alone": lambda: chain(K.Bidirectional(K.GRU(3))),
    "softmax layer": lambda: keras.Sequential([*chain(last=None).layers, K.Softmax()]),
    "ids as floats": lambda: keras.Sequential(
        [keras.Input((None,)), K.Embedding(VOCABULARY, 3), K.Dense(VOCABULARY, "softmax")]
    ),
}


AHEAD = {
    "backwards": lambda: chain(_sequences(K.GRU, go_backwards=True)),
    "ours backwards": lambda: chain(_sequences(ours.GRU, go_backwards=True)),
    "both ways": lambda: chain(K.Bidirectional(_sequences(K.GRU))),
    "ours both ways": lambda: chain(ours.Bidirectional(_sequences(ours.LSTM))),
    "same padding": lambda: chain(K.Conv1D(4, 3, padding="same")),
    "pooling": lambda: chain(K.AveragePooling1D(3, 1, padding="same")),
    "maximum": lambda: chain(K.MaxPooling1D(2, 1, padding="same")),
    "attention": lambda: graph(lambda v: v + K.MultiHeadAttention(2, 3)(v, v)),
    "normalization over time": lambda: chain(K.UnitNormalization(axis=1)),
    "flip": lambda: chain(K.Lambda(lambda values: keras.ops.flip(values, axis=1))),
    "activation over time": lambda: chain(
        K.Dense(3, activation=lambda x: x + keras.ops.mean(x, axis=1, keepdims=True))
    ),
    "steps left": lambda: chain(StepsLeft()),
    "nested": lambda: chain(keras.Sequential([K.Conv1D(3, 3, padding="same"), K.ReLU()])),
    "nested graph": lambda: graph(
        keras.Sequential([keras.Input((None, UNITS)), K.Bidirectional(_sequences(K.GRU))])
    ),
    "sum over time": lambda: graph(lambda v: v + keras.ops.sum(v, axis=1, keepdims=True)),
}


def decisive(model, inputs=None, seed=0):
    """Weights large enough that the model is sure of something, and not always of the same."""
    model(np.ones((1, 8), int) if inputs is None else inputs)
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        if weight.dtype.startswith(("float", "bfloat")) and "state" not in weight.name:
            drawn = generator.normal(0, 1.2, weight.shape)
            weight.assign(np.abs(drawn) if "variance" in weight.name else drawn)
    return model
