"""The data of the tasks are channels last, and so are their networks whatever Keras is set to."""

import keras
import numpy as np
import pytest

from keras_dlnotes import tasks
from tests.tasks.short_forms import in_short

SEQUENCES = {"characters", "ocr", "pronounce", "sunspots", "vowels"}


@pytest.fixture
def channels_first():
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


def _built(task, splits):
    keras.utils.set_random_seed(0)
    return task.build(splits, **task.arguments)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SEQUENCES else ())
        for name in tasks.names()
    ],
)
def test_a_network_is_the_same_under_either_setting(name, channels_first):
    task = in_short(tasks.get(name))
    splits = task.prepare(task.data)
    found = _built(task, splits)
    keras.config.set_image_data_format("channels_last")
    expected = _built(task, splits)
    assert found.input_shape == expected.input_shape
    assert [weight.shape for weight in found.weights] == [w.shape for w in expected.weights]
    inputs = keras.tree.map_structure(lambda array: array[:2], splits.test[0])
    outputs = [model.predict(inputs, verbose=0) for model in (found, expected)]
    np.testing.assert_allclose(*outputs, atol=1e-5)
