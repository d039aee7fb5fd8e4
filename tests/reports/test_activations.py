import keras
import numpy as np
import pytest

from keras_dlnotes import models
from keras_dlnotes.reports import feature_maps, first_kernel


def test_feature_maps_are_what_the_layers_compute():
    conv = keras.layers.Conv2D(2, 3, name="conv")
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            conv,
            keras.layers.ReLU(name="relu"),
            keras.layers.MaxPooling2D(name="pool"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(3, name="dense"),
        ]
    )
    inputs = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
    maps = feature_maps(model, inputs)
    assert list(maps) == ["conv", "relu", "pool"]
    expected = keras.ops.convert_to_numpy(conv(inputs))
    np.testing.assert_allclose(maps["conv"], expected, rtol=1e-6)
    np.testing.assert_allclose(maps["relu"], np.maximum(expected, 0), rtol=1e-6)
    windows = maps["relu"].reshape(2, 2, 2, 2, 2, 2)
    np.testing.assert_allclose(maps["pool"], windows.max(axis=(2, 4)), rtol=1e-6)


def test_layers_can_be_named_in_any_order_and_rank():
    model = keras.Sequential(
        [
            keras.Input((2, 2, 1)),
            keras.layers.Rescaling(2.0, name="double"),
            keras.layers.Flatten(name="flat"),
        ]
    )
    maps = feature_maps(model, np.ones((1, 2, 2, 1)), ["flat", "double"])
    assert list(maps) == ["flat", "double"]
    np.testing.assert_array_equal(maps["flat"], [[2, 2, 2, 2]])


def test_branches_nested_models_and_shared_layers():
    encoder = keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.AveragePooling2D(2)], name="encoder"
    )
    image, offset = keras.Input((4, 4, 2), name="image"), keras.Input((4, 4, 2), name="offset")
    double = keras.layers.Rescaling(2.0, name="double")
    total = keras.layers.Add(name="sum")([double(double(image)), offset])
    model = keras.Model({"image": image, "offset": offset}, encoder(total))
    inputs = {"image": np.ones((1, 4, 4, 2)), "offset": np.full((1, 4, 4, 2), 3.0)}
    maps = feature_maps(model, inputs)
    assert sorted(maps) == ["double", "encoder", "sum"]
    assert maps["double"].max() == 2, "the first call of a shared layer"
    assert maps["sum"].max() == 7
    assert maps["encoder"].shape == (1, 2, 2, 2)


def encoder(name="encoder"):
    layers = [keras.layers.AveragePooling2D(2, name="pool"), keras.layers.Rescaling(3.0, name="x3")]
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, layers[1](layers[0](inputs)), name=name)


def sequential(nested):
    return keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.Rescaling(2.0, name="x2"), nested],
    )


def functional(nested):
    inputs = keras.Input((4, 4, 2))
    return keras.Model(inputs, nested(keras.layers.Rescaling(2.0, name="x2")(inputs)))


OUTERS = [sequential, functional]


@pytest.mark.parametrize("outer", OUTERS)
@pytest.mark.parametrize("inner", OUTERS)
def test_a_nested_model_is_one_layer_and_those_within_are_named_behind_it(outer, inner):
    middle = inner(encoder())
    middle.name = "middle"
    model = outer(middle)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 2)).astype("float32")
    means = x.reshape(2, 2, 2, 2, 2, 2).mean(axis=(2, 4))
    maps = feature_maps(model, x)
    assert list(maps) == ["x2", "middle"]
    np.testing.assert_allclose(maps["x2"], 2 * x, rtol=1e-6)
    np.testing.assert_allclose(maps["middle"], 12 * means, rtol=1e-5, atol=1e-6)
    names = ["middle/encoder/pool", "x2", "middle/encoder", "middle/x2"]
    maps = feature_maps(model, x, names)
    assert list(maps) == names
    np.testing.assert_allclose(maps["middle/encoder/pool"], 4 * means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps["middle/encoder"], 12 * means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(maps["middle/x2"], 4 * x, rtol=1e-6)


def test_every_autoencoder_has_feature_maps():
    x = np.zeros((1, 8, 8, 1), "float32")
    builders = models.autoencoder, models.convolutional_autoencoder, models.denoising_autoencoder
    for build in builders:
        model = build((8, 8, 1), latent_dim=2)
        maps = feature_maps(model, x)
        np.testing.assert_allclose(maps["decoder"], keras.ops.convert_to_numpy(model(x)), rtol=1e-6)


def test_a_network_of_keras_with_another_head():
    base = keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, weights=None)
    head = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    model = keras.Sequential([keras.Input((32, 32, 3)), base, *head])
    x = np.ones((1, 32, 32, 3), "float32")
    maps = feature_maps(model, x)
    assert [value.shape for value in maps.values()] == [(1, 1, 1, 1280)]
    assert feature_maps(model, x, [f"{base.name}/Conv1"])[f"{base.name}/Conv1"].shape[1:3] == (
        16,
        16,
    )


def test_a_layer_that_stands_in_another_model_too():
    double, kept = keras.layers.Rescaling(2.0, name="double"), []
    for _ in range(2):
        inputs = keras.Input((2, 2, 1))
        kept.append(keras.Model(inputs, double(inputs)))
    for model in kept:
        np.testing.assert_array_equal(feature_maps(model, np.ones((1, 2, 2, 1)))["double"], 2)


def test_a_nested_model_of_several_inputs_and_outputs():
    left, right = keras.Input((2, 2, 1), name="left"), keras.Input((2, 2, 1), name="right")
    total = keras.layers.Add(name="sum")([left, right])
    difference = keras.layers.Subtract(name="difference")([left, right])
    pair = keras.Model({"left": left, "right": right}, [total, difference], name="pair")
    inputs = keras.Input((2, 2, 1))
    outputs = pair({"left": keras.layers.Rescaling(3.0, name="x3")(inputs), "right": inputs})
    model = keras.Model(inputs, keras.layers.Concatenate(name="both")(outputs))
    x = np.ones((1, 2, 2, 1))
    assert list(feature_maps(model, x)) == ["x3", "both"]
    assert feature_maps(model, x, ["pair/difference"])["pair/difference"].max() == 2
    with pytest.raises(ValueError, match="`layer_names` must be names of layers that return one"):
        feature_maps(model, x, ["pair"])


class Doubled(keras.Model):
    def call(self, inputs):
        return 2 * inputs


def test_a_model_written_as_a_class_is_one_layer():
    model = keras.Sequential([keras.Input((2, 2, 1)), Doubled(name="own")])
    assert feature_maps(model, np.ones((1, 2, 2, 1)))["own"].max() == 2
    with pytest.raises(ValueError, match="must be a Functional or Sequential model"):
        feature_maps(model, np.ones((1, 2, 2, 1)), ["own/conv"])


@pytest.mark.parametrize("names", ["pool", b"pool", 3, [3], [None], [["pool"]]])
def test_names_come_as_a_list(names):
    model = sequential(encoder())
    with pytest.raises(ValueError, match="Argument `layer_names` must be a list of names"):
        feature_maps(model, np.ones((1, 4, 4, 2)), names)


def test_layers_act_as_at_inference():
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Dropout(0.5, name="dropout")])
    maps = feature_maps(model, np.ones((1, 4, 4, 1)))
    np.testing.assert_array_equal(maps["dropout"], 1)


def test_a_model_without_feature_maps_has_none():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert feature_maps(model, np.ones((1, 4))) == {}


@pytest.mark.parametrize(
    "model", [keras.Sequential([keras.layers.Dense(2)]), "vgg16"], ids=["unbuilt", "not a model"]
)
def test_a_model_of_unknown_inputs_is_refused(model):
    with pytest.raises(ValueError, match="`model` must be a Functional or Sequential model"):
        feature_maps(model, np.ones((1, 4)))


def test_an_unknown_layer_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="No such layer: conv"):
        feature_maps(model, np.ones((1, 4)), ["conv"])
    nested = sequential(encoder())
    with pytest.raises(ValueError, match="No such layer: conv"):
        feature_maps(nested, np.ones((1, 4, 4, 2)), ["encoder/conv"])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Conv2D(5, 3), (3, 3, 2, 5)),
        (keras.layers.SeparableConv2D(5, 3), (3, 3, 2, 1)),
        (keras.layers.DepthwiseConv2D(3), (3, 3, 2, 1)),
        (keras.Sequential([keras.layers.BatchNormalization(), keras.layers.Conv2D(5, 2)]), None),
    ],
    ids=["conv", "separable", "depthwise", "nested"],
)
def test_first_kernel(layer, shape):
    model = keras.Sequential([keras.Input((8, 8, 2)), layer, keras.layers.Conv2D(7, 1)])
    kernel = first_kernel(model)
    assert kernel.shape == (shape or (2, 2, 2, 5))
    assert any(np.array_equal(kernel, weight) for weight in layer.get_weights())


def test_a_model_without_convolution_has_no_first_kernel():
    model = keras.Sequential([keras.Input((8, 2)), keras.layers.Conv1D(3, 2)])
    assert first_kernel(model) is None
