import keras
import numpy as np
import pytest

from keras_dlnotes.reports import (
    class_activation_map,
    feature_maps,
    occlusion_map,
    plot_attention_map,
)

L = keras.layers


@pytest.fixture
def first_pixels() -> keras.Model:
    """Its first class scores ten times the pixel (0, 0), its second the pixel (5, 5)."""
    dense = L.Dense(2, use_bias=False)
    model = keras.Sequential([keras.Input((6, 6, 1)), L.Flatten(), dense])
    kernel = np.zeros((36, 2), "float32")
    kernel[0, 0] = kernel[35, 1] = 10
    dense.set_weights([kernel])
    return model


def test_what_the_class_depends_on_is_found(first_pixels):
    image = np.ones((6, 6, 1))
    found = occlusion_map(first_pixels, image, class_index=0, patch=2, stride=2, fill=0.0)
    expected = np.zeros((6, 6))
    expected[:2, :2] = 10
    np.testing.assert_allclose(found, expected)


def test_patches_that_overlap_are_averaged_and_reach_the_border(first_pixels):
    """Patches of 4 start at 0 and 2; only the one at (2, 2) covers the pixel (5, 5)."""
    found = occlusion_map(first_pixels, np.ones((6, 6, 1)), 1, patch=4, stride=3, fill=0.0)
    assert found[5, 5] == pytest.approx(10)
    assert found[3, 3] == pytest.approx(10 / 4)
    assert found[5, 3] == pytest.approx(10 / 2)
    assert found[0, 0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch": 7}, r"`patch` must be an integer in \[1, 6\]"),
        ({"patch": 2, "stride": 3}, r"`stride` must be an integer in \[1, 2\]"),
        ({"patch": 2, "class_index": 2}, "`class_index` must be one of the classes"),
    ],
)
def test_bad_occlusions_are_refused(first_pixels, arguments, message):
    with pytest.raises(ValueError, match=message):
        occlusion_map(first_pixels, np.ones((6, 6, 1)), **{"class_index": 0} | arguments)


def test_the_mean_of_the_activation_map_is_the_score():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            L.Conv2D(5, 3, name="conv"),
            L.GlobalAveragePooling2D(),
            L.Dense(4, name="head"),
        ]
    )
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    kernel, bias = model.get_layer("head").get_weights()
    found = class_activation_map(feature_maps(model, image)["conv"], kernel, class_index=2)
    assert found.shape == (6, 6)
    assert found.mean() + bias[2] == pytest.approx(model.predict(image, verbose=0)[0, 2], rel=1e-4)


@pytest.mark.parametrize(
    ("maps", "weights", "number", "message"),
    [
        (np.ones((2, 2, 2, 3)), np.ones((3, 4)), 0, "`feature_maps` must be the maps of one image"),
        (np.ones((2, 2, 3)), np.ones((4, 4)), 0, "`weights` must be a row for each of the 3"),
        (np.ones((2, 2, 3)), np.ones((3, 4)), 4, r"`class_index` must be an integer in \[0, 3\]"),
    ],
)
def test_bad_activation_maps_are_refused(maps, weights, number, message):
    with pytest.raises(ValueError, match=message):
        class_activation_map(maps, weights, number)


def test_the_map_lies_over_the_image_on_a_symmetric_scale():
    values = np.array([[0.5, -2.0], [0.0, 1.0]])
    figure = plot_attention_map(np.eye(4), values, "for 3")
    axes = figure.axes[0]
    plain, beneath, above = axes.images
    np.testing.assert_array_equal(plain.get_array(), beneath.get_array())
    np.testing.assert_array_equal(above.get_array(), values)
    assert above.get_clim() == (-2, 2) and above.get_extent() == beneath.get_extent()
    assert axes.get_title(loc="left") == "for 3"
    with pytest.raises(ValueError, match="`values` must be"):
        plot_attention_map(np.eye(4), np.ones(3))
