"""The checker checks: it passes right gradients and catches wrong ones, even by 0.1 %."""

import numpy as np
import pytest

from keras_dlnotes.ops.vjp import Op
from tests.backends import only_on
from tests.gradcheck import check_gradients, compare_gradients

tensorflow_only = only_on("tensorflow", reason="float64 needs the TensorFlow backend")


def _cube(error):
    def forward(x, weight):
        return x**3 * weight, (x,)

    def backward(upstream, inputs, residuals):
        (x,), weight = residuals, inputs[1]
        return 3 * x**2 * weight * upstream * (1 + error), x**3 * upstream

    return Op(forward, backward)


ARRAYS = [np.random.default_rng(1).normal(size=(3, 4)) for _ in range(2)]


@tensorflow_only
def test_right_gradient_passes_finite_differences():
    check_gradients(_cube(0.0), ARRAYS)


@tensorflow_only
@pytest.mark.parametrize("error", [1e-3, -1e-3])
def test_finite_differences_catch_an_error_of_one_in_a_thousand(error):
    with pytest.raises(AssertionError, match="argument 0"):
        check_gradients(_cube(error), ARRAYS)


@pytest.mark.parametrize("error", [1e-3, -1e-3])
def test_autodiff_catches_an_error_of_one_in_a_thousand(error):
    arrays = [array.astype("float32") for array in ARRAYS]
    compare_gradients(_cube(0.0), _cube(0.0).plain, arrays)
    with pytest.raises(AssertionError):
        compare_gradients(_cube(error), _cube(error).plain, arrays)


def test_outputs_are_compared_too():
    arrays = [array.astype("float32") for array in ARRAYS]
    with pytest.raises(AssertionError):
        compare_gradients(_cube(0.0), lambda x, weight: x**3 * weight + 0.01, arrays)
