"""Receptive fields: published ones, and what an impulse at each input position reaches."""

import warnings
from fractions import Fraction

import keras
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keras_dlnotes import layers as ours
from keras_dlnotes.reports import MisalignedBranchesWarning, Window, receptive_field, rule
from keras_dlnotes.reports.costs.receptive_fields import ReceptiveFields
from keras_dlnotes.reports.costs.rules.progression import Progression
from keras_dlnotes.reports.costs.trace import trace

L = keras.layers
LENGTH = 192

# Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill,
# 2019: the table of receptive fields, effective strides and paddings, as read in the README of the
# authors' google-research/receptive_field. Keras's ResNet pads by layers of their own, which moves
# the start and leaves the size.
PUBLISHED = {
    "VGG16": ("block5_pool", 212, 32, 90),
    "MobileNet": ("conv_pw_13_relu", 315, 32, 126),
    "ResNet50": ("conv5_block3_out", 483, 32, None),
    "InceptionV3": ("mixed10", 1311, 32, 618),
    "InceptionResNetV2": ("conv_7b_ac", 3039, 32, 1482),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_receptive_fields(name):
    layer, size, stride, padding = PUBLISHED[name]
    field = receptive_field(
        getattr(keras.applications, name)(weights=None, include_top=False), layer
    )
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    if padding is not None:
        assert field.start == (-padding, -padding)


def window(name, **arguments):
    weights = {} if "Pooling" in name else {"kernel_initializer": "ones", "use_bias": False}
    filters = {"filters": 1} if name.startswith("Conv") else {}
    return getattr(L, name)(**arguments, **filters, **weights)


kernels = st.integers(1, 5)
sliding = st.builds(
    lambda size, stride, padding: window(
        "Conv1D", kernel_size=size, strides=stride, padding=padding
    ),
    kernels,
    st.integers(1, 3),
    st.sampled_from(["valid", "same", "causal"]),
)
dilated = st.builds(
    lambda size, dilation, padding: window(
        "Conv1D", kernel_size=size, dilation_rate=dilation, padding=padding
    ),
    kernels,
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
)
explicit = st.builds(
    lambda size, stride, dilation, pads: ours.Conv1D(
        *(1, size, stride, (pads,)),
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="ones",
    ),
    *(kernels, st.integers(1, 3), st.integers(1, 2), st.tuples(*[st.integers(0, 3)] * 2)),
)
pooling = st.builds(
    lambda size, stride, padding: window(
        "AveragePooling1D", pool_size=size, strides=stride, padding=padding
    ),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from(["valid", "same"]),
)
transposed = st.builds(
    lambda stride, extra, padding: window(
        "Conv1DTranspose", kernel_size=stride + extra, strides=stride, padding=padding
    ),
    st.integers(1, 3),
    st.integers(0, 3),
    st.sampled_from(["valid", "same"]),
)
moving = st.one_of(
    st.builds(L.UpSampling1D, st.integers(2, 3)),
    st.builds(L.ZeroPadding1D, st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.builds(L.Cropping1D, st.tuples(st.integers(0, 3), st.integers(0, 3))),
    st.builds(L.BatchNormalization),
)
chain = st.lists(
    st.one_of(sliding, dilated, explicit, pooling, transposed, moving), min_size=1, max_size=4
)
keeping = st.lists(
    st.builds(
        lambda size, dilation: window(
            "Conv1D", kernel_size=size, dilation_rate=dilation, padding="same"
        ),
        kernels,
        st.integers(1, 3),
    ),
    max_size=2,
)


@st.composite
def networks(draw) -> keras.Model:
    """Chains, branches that keep their length, and a path down and up again beside a shortcut."""
    inputs = x = keras.Input((LENGTH, 1))
    for _ in range(draw(st.integers(1, 3))):
        branches = draw(st.lists(keeping, max_size=3))
        if branches:
            outputs = []
            for branch in branches:
                y = x
                for layer in branch:
                    y = layer(y)
                outputs.append(y)
            x = L.Add()([*outputs, x]) if draw(st.booleans()) else L.Concatenate()([*outputs, x])
        if draw(st.booleans()) and x.shape[1] % 2 == 0 and x.shape[1] >= 8:
            y = window("AveragePooling1D", pool_size=2)(x)
            for layer in draw(keeping):
                y = layer(y)
            y = window("Conv1DTranspose", kernel_size=2, strides=2)(y)
            x = L.Concatenate()([x, y])
        for layer in draw(chain):
            assume(x.shape[1] >= 16)
            x = layer(x)
    return keras.Model(inputs, x)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(networks())
def test_an_impulse_reaches_the_outputs_whose_field_holds_it(model):
    """The network is linear with positive weights, so no path cancels another."""
    traced = trace(model, None, lambda layer: isinstance(layer, L.Layer), 1)
    [tracked] = ReceptiveFields(traced).of(traced.outputs[0]).values()
    outputs = keras.ops.convert_to_numpy(model(np.eye(LENGTH)[:, :, None], training=False))
    reached = outputs.sum(axis=-1).T > 0
    inside = [
        position
        for position in range(len(reached))
        if tracked.first(position) >= LENGTH // 3 and tracked.last(position) < LENGTH * 2 // 3
    ]
    assume(inside)
    for position in inside:
        seen = np.flatnonzero(reached[position])
        assert (tracked.first(position), tracked.last(position)) == (seen[0], seen[-1]), position
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MisalignedBranchesWarning)
        field = receptive_field(model)
    assert max(map(np.count_nonzero, reached[inside])) <= field.size[0]
    assert field.start == (tracked.first(0),)


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


def test_progressions_follow_one_another():
    halves, triple = Progression((0, 0), 1), Progression.linear(3, -1)
    for outer in (halves, triple):
        for inner in (halves, triple):
            both = outer.after(inner)
            assert [both(n) for n in range(-9, 9)] == [outer(inner(n)) for n in range(-9, 9)]
    least = halves.merged(Progression((-1, 1), 1), min)
    assert [least(n) for n in range(4)] == [-1, 0, 0, 1]
