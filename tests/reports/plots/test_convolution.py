import numpy as np
import pytest

from keras_dlnotes.reports import plot_feature_maps, plot_kernels


@pytest.fixture
def kernel() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 5, 1, 4))


def test_each_output_channel_is_one_tile(kernel):
    axes = plot_kernels(kernel).axes[0]
    assert len(axes.images) == 4
    for output, image in enumerate(axes.images):
        np.testing.assert_array_equal(image.get_array(), kernel[:, :, 0, output])
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2", "3"]
    assert axes.get_title(loc="left") == "4 kernels, 3 × 5"


def test_one_colour_scale_is_symmetric_about_zero(kernel):
    axes = plot_kernels(kernel).axes[0]
    largest = np.abs(kernel).max()
    assert {image.get_clim() for image in axes.images} == {(-largest, largest)}
    opacity_of_zero = axes.images[0].to_rgba(0.0)[-1]
    assert opacity_of_zero == 0, "zero must have the colour of the paper"


def test_zero_kernels_still_have_a_scale():
    assert plot_kernels(np.zeros((1, 1, 1, 1))).axes[0].images[0].get_clim() == (-1, 1)


def test_three_input_channels_are_a_colour_picture():
    kernel = np.zeros((2, 2, 3, 2))
    kernel[0, 0, 0, 1], kernel[0, 0, 2, 1] = 2.0, -2.0
    images = plot_kernels(kernel).axes[0].images
    assert len(images) == 2
    np.testing.assert_allclose(images[0].get_array(), 0.5)
    np.testing.assert_allclose(images[1].get_array()[0, 0], [1, 0.5, 0])


def test_other_kernels_are_cut_into_a_slice_for_each_input_channel():
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 40))
    axes = plot_kernels(kernel).axes[0]
    assert len(axes.images) == 64
    np.testing.assert_array_equal(axes.images[3].get_array(), kernel[:, :, 1, 1])
    assert axes.texts[3].get_text() == "1 → 1"
    assert axes.get_title(loc="left").startswith("64 of 80 kernel slices")


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.ones((3, 3)), r"`kernel` must be .* Received: kernel.shape=\(3, 3\)"),
        (np.ones((3, 3, 1, 0)), "`kernel` must be a non-empty array"),
    ],
)
def test_bad_kernels_are_refused(kernel, message):
    with pytest.raises(ValueError, match=message):
        plot_kernels(kernel)


def test_a_limit_below_one_is_refused(kernel):
    with pytest.raises(ValueError, match="`limit` must be an integer ≥ 1"):
        plot_kernels(kernel, limit=0)


def test_feature_maps_stand_below_their_image_channel_by_channel():
    rng = np.random.default_rng(0)
    image, conv, pool = rng.random((8, 6, 1)), rng.normal(size=(8, 6, 3)), rng.random((1, 4, 3, 9))
    figure = plot_feature_maps(image, {"conv": conv, "pool": pool}, channels=4)
    top, first, second = figure.axes
    np.testing.assert_array_equal(top.images[0].get_array(), image[..., 0])
    assert [len(axes.images) for axes in figure.axes] == [1, 3, 4]
    np.testing.assert_array_equal(first.images[2].get_array(), conv[..., 2])
    np.testing.assert_array_equal(second.images[3].get_array(), pool[0, ..., 3])
    assert second.get_title(loc="left") == "pool, 4 × 3 × 9"


def test_each_layer_has_its_own_symmetric_scale():
    maps = {"faint": np.full((2, 2, 2), -0.01), "strong": np.full((2, 2, 2), 5.0)}
    _, faint, strong = plot_feature_maps(np.ones((2, 2)), maps).axes
    assert faint.images[0].get_clim() == (-0.01, 0.01)
    assert strong.images[1].get_clim() == (-5.0, 5.0)


@pytest.mark.parametrize(
    ("image", "maps", "message"),
    [
        (np.ones(4), {"a": np.ones((2, 2, 1))}, r"`image` must be .*image.shape=\(4,\)"),
        (np.ones((4, 4, 2)), {"a": np.ones((2, 2, 1))}, "images of 1 or 3 channels"),
        (np.ones((4, 4)), {}, "`feature_maps` must be a non-empty mapping"),
        (np.ones((4, 4)), {"a": np.ones((2, 2))}, r"`feature_maps\['a'\]` must be"),
        (np.ones((4, 4)), {"a": np.ones((2, 2, 2, 1))}, "the maps of one image"),
    ],
)
def test_bad_feature_maps_are_refused(image, maps, message):
    with pytest.raises(ValueError, match=message):
        plot_feature_maps(image, maps)
