"""Receptive fields of small models, layer by layer."""

from fractions import Fraction

import keras
import numpy as np
import pytest

from keras_dlnotes import layers as ours
from keras_dlnotes.reports import MisalignedBranchesWarning, Window, receptive_field, rule

L = keras.layers


def test_sizes_strides_and_starts_differ_by_axis():
    model = keras.Sequential(
        [
            keras.Input((40, 40, 2)),
            ours.Conv2D(3, (3, 5), strides=(2, 1), padding=((1, 0), (2, 2))),
            ours.MaxPooling2D((2, 3), strides=(2, 3), padding=(0, 1)),
        ]
    )
    field = receptive_field(model)
    assert (field.size, field.stride, field.start) == ((5, 7), (4, 3), (-1, -3))
    assert field.centre == (1.0, 0.0)


def test_channels_first():
    layer = L.Conv2D(3, (3, 5), data_format="channels_first")
    model = keras.Sequential([keras.Input((2, 9, 9)), layer, L.BatchNormalization(axis=1)])
    assert receptive_field(model).size == (3, 5)


def test_layers_are_named_nested_or_given():
    conv = L.Conv2D(2, 3, name="conv")
    encoder = keras.Sequential([keras.Input((16, 16, 1)), conv, L.MaxPooling2D()], name="encoder")
    model = keras.Sequential([keras.Input((16, 16, 1)), encoder, L.Conv2D(1, 3), L.Flatten()])
    for layer in ("encoder/conv", "conv", conv):
        assert receptive_field(model, layer).size == (3, 3)
    assert receptive_field(model, "encoder").size == (4, 4)
    assert receptive_field(model).size == (None, None)
    with pytest.raises(ValueError, match="`layer` must be a layer of the model or its name"):
        receptive_field(model, "decoder")


def test_what_pools_or_attends_globally_sees_the_whole_input():
    inputs = keras.Input((None, None, 3))
    features = L.Conv2D(4, 3, padding="same")(inputs)
    gate = L.Dense(4)(L.GlobalAveragePooling2D(keepdims=True)(features))
    model = keras.Model(inputs, L.Conv2D(1, 3)(L.Multiply()([features, gate])))
    field = receptive_field(model)
    assert (field.size, field.stride, field.start) == ((None, None),) * 3
    assert field.centre == (None, None)


def test_a_mean_over_one_axis_leaves_the_other():
    inputs = keras.Input((8, 9, 3))
    features = L.Conv2D(4, 3)(inputs)
    model = keras.Model(inputs, keras.ops.mean(features, axis=1))
    assert receptive_field(model).size == (None, 3)


@pytest.mark.parametrize(
    ("operation", "size", "start"),
    [
        (lambda x: keras.ops.transpose(x, (0, 2, 1, 3)), (3, 5), (0, 0)),
        (lambda x: x[:, 2:, ::2], (3, 5), (2, 0)),
        (lambda x: keras.ops.pad(x, ((0, 0), (1, 0), (0, 2), (0, 0))), (3, 5), (-1, 0)),
        (lambda x: keras.ops.relu(x) + 1, (3, 5), (0, 0)),
        (lambda x: keras.ops.softmax(x, axis=-1), (3, 5), (0, 0)),
        (lambda x: keras.ops.max(x, axis=2), (3, None), (0, None)),
        (lambda x: L.Permute((2, 1, 3))(x), (3, 5), (0, 0)),
        (lambda x: L.Reshape((8, 4, -1))(x), (3, None), (0, None)),
    ],
)
def test_operations_move_axes(operation, size, start):
    inputs = keras.Input((10, 12, 1))
    model = keras.Model(inputs, operation(L.Conv2D(2, (3, 5))(inputs)))
    field = receptive_field(model)
    assert (field.size, field.start) == (size, start)


def test_sequences():
    ids = keras.Input((None,), dtype="int32")
    convolved = L.Conv1D(4, 3, padding="causal", dilation_rate=2)(L.Embedding(9, 4)(ids))
    assert receptive_field(keras.Model(ids, convolved)).size == (5,)
    assert receptive_field(keras.Model(ids, L.LSTM(3)(convolved))).size == (None,)
    frames = keras.Input((6, 8, 8, 1))
    model = keras.Model(frames, L.TimeDistributed(L.Conv2D(2, 3))(frames))
    assert receptive_field(model).size == (1, 3, 3)


def test_a_transposed_convolution_has_a_fractional_stride():
    model = keras.Sequential([keras.Input((8, 1)), L.Conv1DTranspose(1, 3, strides=2)])
    field = receptive_field(model)
    assert (field.size, field.stride, field.start) == ((2,), (Fraction(1, 2),), (-1,))


def test_branches_with_other_middles_are_named():
    inputs = keras.Input((16, 16, 1))
    wide = L.Conv2D(1, 3, strides=2, padding="same", name="wide")(inputs)
    narrow = L.Conv2D(1, 1, strides=2, name="narrow")(inputs)
    model = keras.Model(inputs, L.Add(name="sum")([wide, narrow]))
    with pytest.warns(MisalignedBranchesWarning, match=r"meet in sum\."):
        field = receptive_field(model)
    assert (field.size, field.misaligned) == ((3, 3), ("sum",))


def test_branches_of_other_strides_see_everything():
    inputs = keras.Input((16, 1))
    halved = L.Conv1D(1, 3, strides=2, padding="same")(inputs)
    cut = L.Cropping1D((4, 4))(inputs)
    model = keras.Model(inputs, L.Add(name="sum")([halved, cut]))
    with pytest.warns(MisalignedBranchesWarning, match=r"meet in sum\."):
        assert receptive_field(model).size == (None,)


def test_only_the_chosen_input_counts():
    first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    branches = [L.Conv2D(1, 3)(first), L.Conv2D(1, 3, name="of_second")(second)]
    model = keras.Model([first, second], L.Add()(branches))
    assert receptive_field(model, input_index=1).size == (3, 3)
    assert receptive_field(model, "of_second", input_index=1).size == (3, 3)
    assert receptive_field(model, "of_second", input_index=0).size == (0, 0)
    with pytest.raises(ValueError, match=r"`input_index` must be an integer ≥ 0 and ≤ 1"):
        receptive_field(model, input_index=2)


def test_a_layer_without_a_rule_is_named_and_a_rule_helps():
    class Blur(L.Layer):
        def call(self, inputs):
            return keras.ops.convert_to_tensor(np.asarray(inputs))  # can't be looked into

        def compute_output_shape(self, input_shape):
            return input_shape

    model = keras.Sequential([keras.Input((8, 8, 1)), Blur(name="blur"), L.Conv2D(1, 3)])
    with pytest.raises(ValueError, match="a layer of type Blur='blur'"):
        receptive_field(model)

    @rule(Blur, sees=lambda layer: Window(5, padding=2))
    def blur(layer, input_shape, output_shape):
        return 0

    field = receptive_field(model)
    assert (field.size, field.start) == ((7, 7), (-2, -2))


def test_same_padding_pads_as_the_length_demands():
    model = keras.Sequential([keras.Input((None, 1)), L.Conv1D(1, 3, strides=2, padding="same")])
    assert receptive_field(model).start == (0,)
    assert receptive_field(model, input_shape=(8, 1)).start == (0,)
    assert receptive_field(model, input_shape=(9, 1)).start == (-1,)
