"""The multiplications of each layer: against its Jacobian, the notes' formulas and PyTorch."""

import inspect

import keras
import numpy as np
import pytest

from keras_dlnotes import layers as ours
from keras_dlnotes import reports
from keras_dlnotes.reports.costs.rules import find_cost

L = keras.layers
# Looked into, or impossible to look into: their cost is that of what they hold or not known.
SEEN_THROUGH = {"Layer", "Lambda", "Pipeline", "RNN", "SpectralNormalization", "StackedRNNCells"}
SEEN_THROUGH |= {"TimeDistributed", "Wrapper"}
WITHOUT_RULE = {"ContrastLimitedAdaptiveHistogramEqualization", "Equalization", "FlaxLayer"}
WITHOUT_RULE |= {"JaxLayer", "MelSpectrogram", "STFTSpectrogram", "Solarization", "TFSMLayer"}
WITHOUT_RULE |= {"TorchModuleWrapper"}


def multiplications(layer, *shapes, call=None) -> int:
    inputs = [keras.Input(shape) for shape in shapes]
    outputs = call(*inputs) if call else layer(inputs[0] if len(inputs) == 1 else inputs)
    report = reports.summarize(keras.Model(inputs, outputs))
    assert report.unknown == []
    return report.total.multiplications


def test_every_layer_of_keras_has_a_rule_or_is_looked_into():
    for name in dir(keras.layers):
        layer_class = getattr(keras.layers, name)
        if inspect.isclass(layer_class) and issubclass(layer_class, keras.Layer):
            instance = object.__new__(type(name, (layer_class,), {"__init__": lambda self: None}))
            expected = name not in SEEN_THROUGH | WITHOUT_RULE
            assert (find_cost(instance) is not None) == expected, name


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (L.Conv1D(3, 2, strides=2, dilation_rate=1), (7, 4)),
        (L.Conv2D(6, (3, 2), groups=2), (6, 5, 4)),
        (ours.Conv2D(3, 3, strides=2, dilation_rate=2), (7, 7, 2)),
        (L.Conv3D(2, 2), (3, 4, 3, 2)),
        (L.DepthwiseConv1D(3, depth_multiplier=2), (6, 3)),
        (L.DepthwiseConv2D(2, strides=2), (6, 6, 3)),
        (L.Conv1DTranspose(3, 3, strides=2), (4, 2)),
        (L.Conv2DTranspose(3, 2, strides=3), (3, 4, 2)),
        (L.Conv3DTranspose(2, 2), (2, 3, 2, 2)),
        (L.Dense(5), (3, 4)),
        (L.EinsumDense("abc,cd->abd", (None, 6)), (3, 4)),
        (L.EinsumDense("...x,xyz->...yz", (3, 2)), (2, 3, 4)),
        (L.EinsumDense("abc,bd->adc", (4, 5)), (3, 5)),
    ],
    ids=lambda value: value.name if isinstance(value, keras.Layer) else str(value),
)
def test_a_product_for_every_weight_that_an_output_depends_on(layer, shape):
    """Without padding, that is an entry of ∂output/∂kernel that is not zero."""
    if keras.config.backend() != "tensorflow":
        pytest.skip("takes its Jacobian by TensorFlow's tape")
    tf = pytest.importorskip("tensorflow")
    inputs = tf.random.uniform((1, *shape), 1, 2)
    counted = multiplications(layer, shape)
    with tf.GradientTape(persistent=True) as tape:
        outputs = layer(inputs)
    kernel = layer.trainable_variables[0].value
    # vectorized, the gradient of a grouped convolution has no kernel on some processors
    jacobian = tape.jacobian(outputs, kernel, experimental_use_pfor=False)
    assert counted == np.count_nonzero(jacobian)


def test_padding_is_multiplied_as_in_the_notes():
    layer = L.Conv2D(8, 3, padding="same")
    assert multiplications(layer, (10, 10, 4)) == 3**2 * 4 * 10**2 * 8
    assert multiplications(ours.Conv2D(8, 3, padding=2), (10, 10, 4)) == 3**2 * 4 * 12**2 * 8


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_separable_convolution_saves_what_the_notes_say(data_format):
    kernel, inputs, outputs, places = 5, 3, 16, 8
    shape = (12, 12, 3) if data_format == "channels_last" else (3, 12, 12)
    counts = [
        multiplications(kind(outputs, kernel, data_format=data_format), shape)
        for kind in (L.Conv2D, L.SeparableConv2D)
    ]
    normal = kernel**2 * inputs * places**2 * outputs
    separable = inputs * places**2 * kernel**2 + inputs * places**2 * outputs
    assert counts == [normal, separable]
    assert counts[1] / counts[0] == pytest.approx(1 / outputs + 1 / kernel**2)


T, D, U = 7, 5, 6


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.SimpleRNN(U), T * U * (D + U)),
        (L.LSTM(U, return_sequences=True), T * (4 * U * (D + U) + 3 * U)),
        (L.GRU(U), T * (3 * U * (D + U) + 3 * U)),
        (L.GRU(U, reset_after=False, return_state=True), T * (3 * U * (D + U) + 3 * U)),
        (L.Bidirectional(L.LSTM(U)), 2 * T * (4 * U * (D + U) + 3 * U)),
        (L.Bidirectional(L.SimpleRNN(U), merge_mode="mul"), 2 * T * U * (D + U) + U),
        (
            L.RNN([L.LSTMCell(U), L.GRUCell(U)]),
            T * (4 * U * (D + U) + 3 * U + 3 * U * (U + U) + 3 * U),
        ),
        (L.TimeDistributed(L.Dense(U)), T * D * U),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, keras.Layer) else "",
)
def test_recurrent_layers_count_matrices_and_gates_at_each_step(layer, expected):
    def call(inputs):
        outputs = layer(inputs)
        return outputs[0] if isinstance(outputs, list | tuple) else outputs

    assert multiplications(layer, (T, D), call=call) == expected


def test_an_lstm_of_coupled_gates_has_three_blocks():
    """It is told by its weights, whoever defines it."""

    class Coupled(L.LSTMCell):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 3 * self.units))
            self.recurrent_kernel = self.add_weight(shape=(self.units, 3 * self.units))
            self.bias = self.add_weight(shape=(3 * self.units,))
            self.built = True

        def call(self, inputs, states, training=None):
            hidden, carry = states
            blocks = inputs @ self.kernel + hidden @ self.recurrent_kernel + self.bias
            i, c, o = keras.ops.split(blocks, 3, axis=-1)
            carry = (1 - i) * carry + i * keras.ops.tanh(c)
            hidden = o * keras.ops.tanh(carry)
            return hidden, [hidden, carry]

    assert multiplications(L.RNN(Coupled(U)), (T, D)) == T * (3 * U * (D + U) + 3 * U)


def test_convolutional_lstm():
    layer = L.ConvLSTM2D(4, 3, padding="valid", return_sequences=True)
    places = 6 * 5
    expected = T * places * 4 * (4 * 3 * 3 * (2 + 4) + 3)
    assert multiplications(layer, (T, 8, 7, 2)) == expected


def test_attention():
    query, value = (6, 8), (5, 8)
    assert multiplications(L.Attention(), query, value) == 6 * 5 * (8 + 8)
    assert multiplications(L.Attention(use_scale=True), query, value) == 6 * 5 * (8 + 8 + 1)
    assert multiplications(L.AdditiveAttention(), query, value) == 6 * 5 * (8 + 8)
    heads, key, size = 2, 3, 4
    layer = L.MultiHeadAttention(heads, key, value_dim=size)
    projections = 6 * 8 * key + 5 * 8 * key + 5 * 8 * size + 6 * size * 8
    expected = heads * (projections + 6 * 5 * (key + size))
    assert multiplications(layer, query, value, call=lambda q, v: layer(q, v)) == expected
    masked = layer.__class__(heads, key, value_dim=size)
    counted = multiplications(
        masked,
        query,
        value,
        (6, 5),
        call=lambda q, v, m: masked(query=q, value=v, attention_mask=m),
    )
    assert counted == expected
    grouped = L.GroupQueryAttention(3, 4, 2)
    projections = 4 * (6 * 8 + 6 * 8) + 2 * (5 * 8 + 5 * 8)
    assert multiplications(grouped, query, value, call=lambda q, v: grouped(q, v)) == 3 * (
        projections + 2 * 4 * 6 * 5
    )


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (L.BatchNormalization(), 0),
        (ours.BatchNormalization(), 0),
        (L.LayerNormalization(), 3 * 48),
        (L.GroupNormalization(3, scale=False), 2 * 48),
        (L.UnitNormalization(), 2 * 48),
        (L.Rescaling(1 / 255), 48),
        (L.UpSampling2D(2, interpolation="bilinear"), 4 * 4 * 48),
        (L.UpSampling2D(2), 0),
        (L.SpectralNormalization(L.Conv2D(5, 1)), 4 * 4 * 3 * 5),
        (L.Lambda(lambda x: 2 * x), 48),
        (ours.MaxPooling2D(2, padding=1), 0),
    ],
    ids=lambda value: value.name if isinstance(value, keras.Layer) else "",
)
def test_other_layers(layer, expected):
    assert multiplications(layer, (4, 4, 3)) == expected


def test_products_of_tensors():
    assert multiplications(L.Multiply(), (4, 3), (4, 3), (4, 3)) == 2 * 12
    assert multiplications(L.Dot(axes=1), (6,), (6,)) == 6
    assert multiplications(L.Dot(axes=(2, 1)), (3, 6), (6, 2)) == 3 * 6 * 2
    assert multiplications(None, (3, 6), (6, 2), call=lambda a, b: a @ b) == 3 * 6 * 2
    assert multiplications(None, (3, 6), (3, 6), call=lambda a, b: a * b + a / 2) == 2 * 18
    equation = "btd,bsd->bts"
    counted = multiplications(
        None, (3, 6), (5, 6), call=lambda a, b: keras.ops.einsum(equation, a, b)
    )
    assert counted == 3 * 6 * 5


# Keras's hard_silu, mish and sparsemax take no symbolic tensors; as `Activation` they are known.
ACTIVATIONS = ["celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid"]
ACTIVATIONS += ["hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "relu", "relu6"]
ACTIVATIONS += ["selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign"]
ACTIVATIONS += ["sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink"]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_function_in_a_call_is_known(name):
    activation = getattr(keras.activations, name)
    inputs = keras.Input((4, 6))
    model = keras.Model(inputs, L.Lambda(lambda x: activation(x))(inputs))
    report = reports.summarize(model)
    assert report.unknown == []
    assert report.total.receptive_field == (1,)


def test_windows_of_a_batch_count_each():
    def split(inputs):
        windows = keras.ops.reshape(inputs, (-1, 4, 8))  # three windows an example
        return keras.ops.reshape(L.Dense(5)(windows), (-1, 12, 5))

    assert multiplications(None, (12, 8), call=split) == 12 * 8 * 5


@pytest.mark.parametrize("key", [0, None, 2.5])
def test_a_rule_for_no_layer_is_refused(key):
    with pytest.raises(ValueError, match="`layers` must be a layer class or the name"):
        reports.rule(key)


def test_a_rule_with_an_unknown_view_is_refused():
    with pytest.raises(ValueError, match="`sees` must be 'position', 'everything' or a function"):
        reports.rule(L.Dense, sees="here")
