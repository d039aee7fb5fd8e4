"""Warnings of our own making are errors; those of other libraries are not."""

import warnings

import pytest


def warn(module, category=DeprecationWarning):
    warnings.warn_explicit("old", category, "file.py", 1, module=module)


@pytest.mark.parametrize("module", ["keras_dlnotes.ops.conv", "tests.ops.test_conv", __name__])
@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning, RuntimeWarning])
def test_ours_are_errors(module, category):
    with pytest.raises(category, match="old"):
        warn(module, category)


def test_what_keras_says_of_the_use_of_its_layers_is_an_error():
    with pytest.raises(UserWarning, match="old"):
        warn("keras.src.layers.layer", UserWarning)


@pytest.mark.parametrize("module", ["numpy", "keras.src.backend", "keras_tuner.tests", "latests"])
def test_those_of_others_are_not(module):
    with pytest.warns(DeprecationWarning, match="old"):
        warn(module)
