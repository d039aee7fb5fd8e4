"""Training and validation data put together for a last training on all of them."""

import numpy as np
import pytest

from keras_dlnotes.tuning.best_execution import joined

X, Y, W = np.arange(6.0).reshape(3, 2), np.arange(3), np.ones(3)


def test_each_part_follows_the_other_in_every_structure():
    training = [X, {"a": X}], (Y, Y), [W, W]
    validation = (X[:1] + 9, {"a": X[:1] + 9}), [Y[:1] + 9, Y[:1] + 9], (W[:1], W[:1])
    (left, right), targets, weights = joined(training, validation)
    np.testing.assert_array_equal(left, [*X, X[0] + 9])
    np.testing.assert_array_equal(right["a"], left)
    assert [part.tolist() for part in targets] == [[0, 1, 2, 9]] * 2
    assert [part.tolist() for part in weights] == [[1.0] * 4] * 2


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((X, Y, W), (X, Y)), "given where .* data alone have sample weights"),
        (((X, Y), (X, Y, W)), "given where .* data alone have sample weights"),
        (((X, Y), (X[:, :1], Y)), r"cannot be joined.* Shapes: \[\(\(3, 2\), \(3,\)\), \(\(3, 1\)"),
        (((X, Y), ([X, X], Y)), "cannot be joined"),
        ((({"a": X}, Y), ({"b": X}, Y)), "cannot be joined"),
    ],
)
def test_what_cannot_be_joined_is_refused(parts, message):
    with pytest.raises(ValueError, match=f"Argument `training` must be .*{message}"):
        joined(*parts)
