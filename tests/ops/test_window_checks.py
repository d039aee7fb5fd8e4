"""A window longer than the padded input is refused, even where a graph leaves the length open."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from keras_dlnotes.ops.window_checks import ensure_fits
from keras_dlnotes.ops.windows import Window
from tests.backends import only_on
from tests.exporting import as_exported

pytestmark = pytest.mark.compiled

WINDOW = Window((2, 3), (2, 1), ((1, 0), (0, 1)), (1, 2), (1, 2))  # along axis 2 it spans 5


def _image(height, width):
    return keras.ops.ones((1, height, width, 1))


def test_what_fits_is_handed_on():
    np.testing.assert_array_equal(ensure_fits(_image(1, 4), WINDOW), np.ones((1, 1, 4, 1)))


@pytest.mark.parametrize(("height", "width", "axis"), [(0, 4, 1), (1, 3, 2)])
def test_known_lengths_raise_at_once(height, width, axis):
    with pytest.raises(ValueError, match=f"`kernel_size` must be no longer .* along axis {axis}"):
        ensure_fits(_image(height, width), WINDOW)


@only_on("tensorflow", reason="whose graphs may leave lengths open")
@pytest.mark.parametrize("compiled", [False, True])
def test_open_lengths_raise_when_the_graph_runs(compiled):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None,) * 4)], jit_compile=compiled)
    def step(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(ensure_fits(image, WINDOW) ** 2)
        return tape.gradient(loss, image)

    np.testing.assert_array_equal(step(_image(1, 4)), 2 * np.ones((1, 1, 4, 1)))
    message = "kernel_size_is_longer_than_the_padded_input"
    if not compiled:
        message = r"Argument `kernel_size` must be no longer .* along axis 2.*\[4\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        step(_image(1, 3))


@only_on("tensorflow", reason="whose graphs may leave lengths open")
def test_words_for_padding_leave_nothing_but_empty_images_to_refuse():
    import tensorflow as tf

    for word, short in (("valid", 2), ("same", 0)):
        step = tf.function(
            lambda x, word=word: ensure_fits(x, Window((3,), (2,), word, (1,), (1,))),
            input_signature=[tf.TensorSpec((None, None, 1))],
        )
        step(tf.ones((1, short + 1, 1)))
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be no longer"):
            step(tf.ones((1, short, 1)))


@only_on("tensorflow", reason="whose graphs may leave lengths open")
def test_exported_graphs_carry_no_check():
    import tensorflow as tf

    def operations(function):
        signature = [tf.TensorSpec((None,) * 4)]
        graph = tf.function(function, input_signature=signature).get_concrete_function().graph
        return {operation.type for operation in graph.get_operations()}

    assert {"Assert", "Fill"} <= operations(lambda x: ensure_fits(x, WINDOW))
    assert not {"Assert", "Fill"} & operations(as_exported(lambda x: ensure_fits(x, WINDOW)))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", ["MaxPooling2D", "AveragePooling2D"])
def test_a_fit_on_images_smaller_than_the_window_raises(name, jit_compile):
    if keras.backend.backend() == "torch" and jit_compile:
        pytest.skip("torch.compile needs a C++ tool chain")
    model = keras.Sequential(
        [
            keras.Input((None, None, 1)),
            getattr(layers, name)(4),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    model.compile("sgd", "mse", jit_compile=jit_compile)
    for size in (4, 6):  # the second one leaves TensorFlow's train step with open lengths
        assert np.isfinite(model.train_on_batch(np.ones((1, size, size, 1)), np.ones((1, 1))))
    with pytest.raises(Exception, match=r"pool_size.*no longer|pool_size_is_longer"):
        model.train_on_batch(np.ones((1, 3, 8, 1)), np.ones((1, 1)))


@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
def test_pools_raise_at_once_where_they_can(op):
    with pytest.raises(ValueError, match=r"`pool_size` must be .* 0 \+ 2 \+ 0 along axis 1"):
        op(_image(2, 8), 3)
