import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_dlnotes.reports import plot_confusion_matrix, plot_mistakes

NAMES = ["cat", "dog", "eel"]


def counts(figure: Figure) -> dict:
    """Returns the numbers in the cells by (true class, predicted class)."""
    return {
        (text.get_position()[1], text.get_position()[0]): int(text.get_text())
        for text in figure.axes[0].texts
    }


def test_the_confusion_matrix_counts_true_classes_in_rows():
    figure = plot_confusion_matrix([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], NAMES)
    assert counts(figure) == {(0, 0): 3, (0, 1): 1, (1, 1): 1, (1, 0): 1}
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
    assert axes.get_title(loc="left") == "4 of 6 right (66.7%)"


def test_the_colour_is_the_share_of_the_row():
    figure = plot_confusion_matrix([0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 0], NAMES)
    shares = figure.axes[0].images[0].get_array()
    # A class without examples has no share, rather than a division by zero.
    np.testing.assert_allclose(shares, [[0.75, 0.25, 0], [0.5, 0.5, 0], [0, 0, 0]])


def test_many_classes_show_colours_only():
    classes = np.arange(50)
    figure = plot_confusion_matrix(classes, classes, [f"class {number}" for number in classes])
    assert not figure.axes[0].texts
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), np.eye(50))


@pytest.mark.parametrize(
    ("labels", "predictions", "names", "message"),
    [
        ([0, 1], [0], NAMES, r"len\(labels\)=2, len\(predictions\)=1"),
        (np.array([], int), np.array([], int), NAMES, "`labels` must be at least one example"),
        (
            [[0]],
            [0],
            NAMES,
            r"`labels` must be .* \(shape, dtype\)=\(\(1, 1\), 'int64'\)",
        ),
        ([0], [0.5], NAMES, r"`predictions` must be .* \(shape, dtype\)=\(\(1,\), 'float64'\)"),
        ([0], [3], NAMES, r"`predictions` must be class numbers in \[0, 3\).* an entry=3"),
        ([-1], [0], NAMES, "`labels` must be class numbers .* an entry=-1"),
        ([0], [0], [], "`class_names` must be a name for each class"),
    ],
)
def test_bad_classes_are_refused(labels, predictions, names, message):
    with pytest.raises(ValueError, match=message):
        plot_confusion_matrix(labels, predictions, names)


@pytest.fixture
def mistakes() -> dict:
    """Five examples, of which the numbers 1, 2 and 4 are wrong, with rising confidence."""
    return {
        "images": np.arange(5.0)[:, None, None, None] * np.ones((5, 2, 2, 1)),
        "labels": np.array([0, 0, 0, 1, 2]),
        "predictions": np.array([0, 1, 2, 1, 0]),
        "probabilities": np.array(
            [[1, 0, 0], [0.4, 0.6, 0], [0.2, 0.1, 0.7], [0, 1, 0], [0.9, 0, 0.1]]
        ),
        "class_names": NAMES,
    }


def test_the_most_confident_mistake_comes_first(mistakes):
    axes = plot_mistakes(**mistakes).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["eel → cat\n90% sure", "cat → eel\n70% sure", "cat → dog\n60% sure"]
    shown = [image.get_array()[0, 0] for image in axes.images]
    np.testing.assert_allclose(shown, [4 / 4, 2 / 4, 1 / 4])
    assert axes.get_title(loc="left") == "3 mistakes in 5 examples (true → predicted)"


def test_the_number_of_mistakes_shown_is_limited(mistakes):
    axes = plot_mistakes(**mistakes, limit=2).axes[0]
    assert len(axes.images) == 2
    assert axes.get_title(loc="left").startswith("the 2 most confident of 3 mistakes")


def test_a_perfect_classifier_has_a_figure_too(mistakes):
    mistakes["predictions"] = mistakes["labels"]
    figure = plot_mistakes(**mistakes)
    assert figure.texts[0].get_text() == "No mistakes: all 5 predictions are right."


@pytest.mark.parametrize(
    ("dtype", "scale"), [("uint8", 255), ("float32", 1)], ids=["bytes", "fractions"]
)
def test_colour_images_keep_their_scale(mistakes, dtype, scale):
    images = np.zeros((5, 2, 2, 3), dtype)
    images[4, ..., 0] = scale // 2 or 0.5
    mistakes["images"] = images
    shown = plot_mistakes(**mistakes).axes[0].images[0].get_array()
    np.testing.assert_allclose(shown[0, 0], [0.5, 0, 0], atol=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.ones((5, 4))}, r"`images` must be .* Received: images.shape=\(5, 4\)"),
        ({"images": np.ones((5, 2, 2, 4))}, "`images` must be images of 1 or 3 channels"),
        ({"images": np.ones((4, 2, 2))}, r"len\(images\)=4, len\(labels\)=5"),
        ({"probabilities": np.ones(5)}, r"`probabilities` must be .*\(examples, classes\)"),
        ({"probabilities": np.ones((5, 2))}, "one probability for each of the 3 class names"),
        ({"labels": np.full(5, 7)}, "`labels` must be class numbers"),
        ({"limit": 0}, "`limit` must be an integer ≥ 1"),
    ],
)
def test_bad_mistakes_are_refused(mistakes, change, message):
    with pytest.raises(ValueError, match=message):
        plot_mistakes(**mistakes | change)
