import keras
import numpy as np
import pytest

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
