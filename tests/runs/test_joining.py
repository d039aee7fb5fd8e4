"""Training and validation data joined to train a final model on all of them."""

import numpy as np
import pytest

from keras_dlnotes import tasks
from keras_dlnotes.runs import Splits
from keras_dlnotes.runs.task import joined

X, Y, W = np.arange(6.0).reshape(3, 2), np.arange(3), np.ones(3)


def test_each_part_follows_the_other_in_every_structure():
    training = [X, {"a": X}], (Y, Y), [W, W]
    validation = (X[:1] + 9, {"a": X[:1] + 9}), [Y[:1] + 9, Y[:1] + 9], (W[:1], W[:1])
    (left, right), targets, weights = joined(Splits(training, validation, ()))
    np.testing.assert_array_equal(left, [*X, X[0] + 9])
    np.testing.assert_array_equal(right["a"], left)
    assert [part.tolist() for part in targets] == [[0, 1, 2, 9]] * 2
    assert [part.tolist() for part in weights] == [[1.0] * 4] * 2


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((X, Y, W), (X, Y)), "only one of training and validation data has sample weights"),
        (((X, Y), (X, Y, W)), "only one of training and validation data has sample weights"),
        (((X, Y), (X[:, :1], Y)), r"cannot be joined.* Shapes: \[\(\(3, 2\), \(3,\)\), \(\(3, 1\)"),
        (((X, Y), ([X, X], Y)), "cannot be joined"),
        ((({"a": X}, Y), ({"b": X}, Y)), "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(parts, message):
    with pytest.raises(ValueError, match=f"Argument `training` must be given, since .*{message}"):
        joined(Splits(*parts, ()))


def test_the_windows_of_a_series_go_on_into_the_validation_time():
    task = tasks.get("sunspots")
    splits = task.prepare(task.data)
    inputs, targets = task.join(splits)
    training, (_, validation, weights) = splits.training, splits.validation
    np.testing.assert_array_equal(inputs[: len(training[0])], training[0])
    later = targets[len(training[0]) :, -1, 0]
    np.testing.assert_array_equal(later, validation[0, weights[0] > 0, 0])
    np.testing.assert_array_equal(inputs[1:, :-1], inputs[:-1, 1:])
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])


def test_the_windows_of_a_text_go_on_into_the_validation_text():
    task = tasks.get("characters")
    splits = task.prepare(task.data)
    inputs, targets = task.join(splits)
    text = np.append(inputs.ravel(), targets[-1, -1])
    np.testing.assert_array_equal(text[1:], targets.ravel())
    trained, validated = (one[0].ravel() for one in (splits.training, splits.validation))
    np.testing.assert_array_equal(text[: trained.size], trained)
    assert len(text) > trained.size + validated.size - inputs.shape[1]
