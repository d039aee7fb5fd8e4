import numpy as np
import pytest

from keras_dlnotes.reports import latent_grid, plot_latent_grid, plot_latent_map


def points(figure) -> list[np.ndarray]:
    return [np.asarray(part.get_offsets()) for part in figure.axes[0].collections]


def test_two_dimensions_are_shown_as_they_are_class_by_class():
    codes = np.array([[0.0, 1], [2, 3], [4, 5]])
    figure = plot_latent_map(codes, [1, 0, 1], ["cat", "dog"])
    cats, dogs = points(figure)
    np.testing.assert_array_equal(cats, codes[[1]])
    np.testing.assert_array_equal(dogs, codes[[0, 2]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cat", "dog"]
    assert figure.axes[0].get_xlabel() == "latent dimension 1"


def test_more_dimensions_are_shown_along_those_of_the_largest_variance():
    generator = np.random.default_rng(0)
    axes, _ = np.linalg.qr(generator.normal(size=(5, 5)))
    along = generator.normal(size=(200, 2)) * [10, 3]
    figure = plot_latent_map(along @ axes[:2] + 7)
    [shown] = points(figure)
    np.testing.assert_allclose(
        np.linalg.norm(shown, axis=1), np.linalg.norm(along - along.mean(axis=0), axis=1)
    )
    variance = along.var(axis=0)
    share = np.linalg.eigvalsh(np.cov(along.T))[-1] / np.trace(np.cov(along.T))
    assert figure.axes[0].get_xlabel() == f"principal axis 1 ({share:.0%} of variance)"
    assert shown.var(axis=0).sum() == pytest.approx(variance.sum())


def test_many_examples_are_thinned_and_many_classes_take_other_marks():
    codes = np.arange(200.0).reshape(100, 2)
    [shown] = points(plot_latent_map(codes, limit=10))
    np.testing.assert_array_equal(shown, codes[::10])
    figure = plot_latent_map(codes, np.arange(100) % 8)
    looks = {
        (tuple(part.get_facecolors()[0]), part.get_paths()[0].vertices.tobytes())
        for part in figure.axes[0].collections
    }
    assert len(looks) == 8


def test_one_example_and_identical_examples_have_a_map():
    assert len(points(plot_latent_map(np.ones((1, 3))))[0]) == 1
    assert len(points(plot_latent_map(np.ones((4, 3))))[0]) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones((3, 1)),), "`codes` must be codes of at least two latent dimensions"),
        ((np.ones(3),), "`codes` must be"),
        ((np.ones((3, 2)), [0, 1]), "must have the same length"),
        ((np.ones((2, 2)), [0, 2], ["a", "b"]), "`labels` must be class numbers"),
        ((np.ones((2, 2)), None, None, 0), "`limit` must be an integer ≥ 1"),
    ],
)
def test_bad_maps_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_latent_map(*arguments)


def test_a_grid_goes_from_corner_to_corner():
    first, second, third = [0.0, 0, 0], [2.0, 0, 0], [0.0, 4, 2]
    grid = latent_grid(first, second, third, size=3).reshape(3, 3, 3)
    for place, corner in (((0, 0), first), ((0, 2), second), ((2, 0), third)):
        np.testing.assert_array_equal(grid[place], corner)
    np.testing.assert_array_equal(grid[1, 1], [1, 2, 1])
    np.testing.assert_array_equal(grid[2, 2], [2, 4, 2])
    with pytest.raises(ValueError, match=r"`size` must be an integer ≥ 2 and ≤ 1024"):
        latent_grid(first, second, third, size=1)
    with pytest.raises(ValueError, match="must have the same length"):
        latent_grid(first, second, [0.0])


def test_decoded_images_stand_row_by_row():
    images = np.arange(6)[:, None, None] * np.ones((6, 2, 2)) / 5
    axes = plot_latent_grid(images, columns=3).axes[0]
    assert [image.get_array()[0, 0] for image in axes.images] == pytest.approx(np.arange(6) / 5)
    lefts = [image.get_extent()[0] for image in axes.images]
    assert lefts[:3] == lefts[3:] == sorted(lefts[:3])
    assert axes.get_title(loc="left") == "2 × 3 codes, decoded"
    with pytest.raises(
        ValueError, match="`columns` must be a number of columns that 5 images fill"
    ):
        plot_latent_grid(images[:5])
