"""What is set for the whole process."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_dlnotes import config, layers
from tests.backends import only_on


@pytest.fixture(autouse=True)
def as_before():
    before = config.is_compilation_enabled()
    yield
    config.set_compilation(before)


def in_a_process(program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


@only_on("tensorflow", reason="counts TensorFlow's compiled functions")
@pytest.mark.parametrize("enabled", [True, False])
def test_no_op_is_compiled_where_compilation_is_off(enabled, monkeypatch):
    import tensorflow as tf

    asked, function = [], tf.function

    def spy(*arguments, **settings):
        asked.append(settings.get("jit_compile"))
        return function(*arguments, **settings)

    monkeypatch.setattr(tf, "function", spy)
    config.set_compilation(enabled)
    inputs = keras.random.normal((2, 7, 11))  # no other test has these channels
    model = keras.Sequential([layers.BatchNormalization(), layers.MaxPooling1D(), layers.LSTM(3)])
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(inputs, np.zeros((2, 3)), verbose=0)
    assert (True in asked) is enabled


@pytest.mark.parametrize("make", [layers.BatchNormalization, lambda: layers.GRU(3)])
def test_the_switch_takes_effect_on_the_next_call(make):
    layer, inputs = make(), keras.random.normal((2, 7, 13))
    config.set_compilation(True)
    compiled = layer(inputs)
    config.set_compilation(False)
    plain = layer(inputs)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(plain), keras.ops.convert_to_numpy(compiled), atol=1e-6
    )


@pytest.mark.thorough
def test_the_environment_switches_compilation_off():
    show = "from keras_dlnotes import config; print(config.is_compilation_enabled())"
    assert in_a_process(show, DLNOTES_COMPILATION="0").stdout.strip() == "False"
    assert in_a_process(show, DLNOTES_COMPILATION="1").stdout.strip() == "True"
    refused = in_a_process(show, DLNOTES_COMPILATION="off")
    assert "`DLNOTES_COMPILATION` must be one of '0', '1'" in refused.stderr


@pytest.mark.parametrize("value", [None, 0, "off"])
def test_the_switch_takes_booleans(value):
    with pytest.raises(ValueError, match=r"`enabled` must be True or False"):
        config.set_compilation(value)


@only_on("tensorflow", "torch", reason="JAX has one")
def test_a_cache_is_refused_where_there_is_none(tmp_path):
    with pytest.raises(RuntimeError, match="only on JAX"):
        config.compilation_cache(tmp_path)


def test_a_cache_of_no_path_is_refused():
    with pytest.raises(ValueError, match="`path` must be a path"):
        config.compilation_cache("")


PROGRAM = """
import keras
from keras_dlnotes import config, layers
from jax import monitoring

hits = []
monitoring.register_event_listener(
    lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
)
layers.LSTM(3)(keras.ops.ones((2, 5, 4)))
print(len(hits))
"""


@only_on("jax", reason="there is none elsewhere")
def test_a_cache_serves_the_next_process(tmp_path):
    settings = {"KERAS_BACKEND": "jax", "DLNOTES_COMPILATION_CACHE": str(tmp_path / "cache")}
    first = in_a_process(PROGRAM, **settings)
    assert any((tmp_path / "cache").iterdir()), first.stderr
    second = in_a_process(PROGRAM, **settings)
    assert int(second.stdout) > int(first.stdout), second.stderr


@only_on("jax", reason="there is none elsewhere")
def test_a_cache_is_begun_and_left_by_calls(tmp_path):
    layers.LSTM(3)(keras.ops.ones((2, 5, 4)))
    config.compilation_cache(tmp_path)
    layers.LSTM(4)(keras.ops.ones((2, 5, 4)))
    kept = set(tmp_path.iterdir())
    assert kept
    config.compilation_cache(None)
    layers.LSTM(5)(keras.ops.ones((2, 5, 4)))
    assert set(tmp_path.iterdir()) == kept
