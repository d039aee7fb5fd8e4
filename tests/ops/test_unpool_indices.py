"""Indices outside the image, and sizes that are known only when the graph runs."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from tests.backends import only_on
from tests.gradcheck import gradients, outputs

pytestmark = pytest.mark.compiled

to_numpy = keras.ops.convert_to_numpy
VALUES = np.arange(1, 9, dtype="float32").reshape(2, 2, 1, 2)  # images of one column
GOOD = np.array([0, 0, 3, 3, 1, 1, 2, 2]).reshape(VALUES.shape)  # of 4 positions each


def _with(index, dtype="int64"):
    indices = GOOD.astype(dtype)
    indices[0, 1, 0, 0] = index
    return indices


def _unpool(values, indices, **more):
    return ops.max_unpool(values, indices, (2, 1), **more)


@pytest.mark.parametrize("size", [{}, {"output_size": (4, 1)}])
@pytest.mark.parametrize("index", [4, 5, -1, -4, 2**31, 2**32 + 1, -(2**40)])
def test_an_index_outside_of_its_image_raises(index, size):
    message = rf"Argument `indices` must be in \[0, .* positions of an image.*indices={index}"
    with pytest.raises(ValueError, match=message):
        _unpool(VALUES, _with(index), **size)


def test_the_error_tells_the_range_and_the_size():
    with pytest.raises(ValueError, match=r"\[0, 4\), the positions of an image of \(4, 1\)"):
        _unpool(VALUES, _with(7, "int32"))
    assert tuple(_unpool(VALUES, _with(7, "int32"), output_size=(8, 1)).shape) == (2, 8, 1, 2)


@pytest.mark.parametrize("indices", [GOOD * 1.0, GOOD.astype("float32"), GOOD > 0, "abc"])
def test_indices_that_are_no_integers_are_named(indices):
    with pytest.raises(ValueError, match="Argument `indices` must be a tensor of"):
        _unpool(VALUES, indices)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"])
def test_integers_of_every_type_are_indices(dtype):
    found = to_numpy(_unpool(VALUES, GOOD.astype(dtype)))
    assert found[0, :, 0, 0].tolist() == [1, 0, 0, 3] and found[1, :, 0, 1].tolist() == [0, 6, 8, 0]


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64"])
def test_whole_numbers_come_out_in_floatx(dtype):
    found = _unpool(VALUES.astype(dtype), GOOD)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_array_equal(to_numpy(found).sum(), VALUES.astype(dtype).sum())


@only_on("tensorflow", reason="whose graphs raise when they run")
def test_a_plain_graph_raises_and_a_compiled_one_gives_nan():
    import tensorflow as tf

    signature = [tf.TensorSpec((None, None, 1, 2)), tf.TensorSpec((None, None, 1, 2), "int64")]
    plain = tf.function(_unpool, input_signature=signature)
    np.testing.assert_array_equal(plain(VALUES, GOOD), _unpool(VALUES, GOOD))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Argument `indices` must be in"):
        plain(VALUES, _with(4))
    _check_nan(tf.function(_unpool, jit_compile=True))


@only_on("jax", reason="is about its compiler")
def test_a_compiled_function_gives_nan():
    import jax

    _check_nan(jax.jit(_unpool))


def _check_nan(compiled):
    """The image and channel of the index become NaN, all others stay."""
    expected = to_numpy(_unpool(VALUES, GOOD)).copy()
    np.testing.assert_array_equal(to_numpy(compiled(VALUES, GOOD)), expected)
    for index in (4, -1):
        found = to_numpy(compiled(VALUES, _with(index, "int32")))
        assert np.isnan(found[0, :, 0, 0]).any()
        found, rest = found.copy(), expected.copy()
        found[0, :, 0, 0] = rest[0, :, 0, 0] = 0
        np.testing.assert_array_equal(found, rest)


@pytest.mark.parametrize(
    "size",
    [
        6,
        (5, 2),
        [5, np.int64(2)],
        np.array([5, 2]),
        (np.array(5), 2),
        lambda: keras.ops.convert_to_tensor([5, 2]),
        lambda: (keras.ops.convert_to_tensor(5), 2),
        lambda: keras.ops.zeros((2, 5, 2, 1)),
        lambda: keras.ops.shape(keras.ops.zeros((2, 5, 2, 1)))[1:3],
    ],
)
def test_forms_of_a_size(size):
    size = size() if callable(size) else size
    found = _unpool(VALUES, GOOD, output_size=size)
    assert tuple(found.shape) == (2, *((6, 6) if isinstance(size, int) else (5, 2)), 2)


def test_an_image_of_the_other_layout_tells_its_size():
    moved = [np.moveaxis(array, -1, 1) for array in (VALUES, GOOD)]
    image = np.zeros((2, 3, 5, 1), "float32")
    found = _unpool(*moved, data_format="channels_first", output_size=image)
    assert tuple(found.shape) == (2, 2, 5, 1)


@pytest.mark.parametrize(
    "size",
    [
        0,
        "45",
        b"\4\4",
        (4,),
        (4, 0),
        (4, 1.0),
        (4, True),
        (4, "1"),
        (None, None),
        np.array([4.0, 1.0]),
        np.array([4, 0]),
        np.array([4, 1, 1]),
        np.zeros((2, 4)),
    ],
)
def test_other_sizes_are_named(size):
    with pytest.raises(ValueError, match=r"Argument `output_size` must be (.|\n)*Received"):
        _unpool(VALUES, GOOD, output_size=size)


def test_an_empty_batch_gives_an_empty_batch():
    values, indices = VALUES[:0], GOOD[:0]
    (found,) = outputs(lambda v: _unpool(v, indices), [values])
    assert found.shape == (0, 4, 1, 2)
    (gradient,) = gradients(lambda v: _unpool(v, indices), [values], [found])
    assert gradient.shape == values.shape


@pytest.mark.thorough
@only_on("tensorflow", reason="whose graphs may leave lengths open")
@pytest.mark.parametrize("compiled", [False, True])
def test_a_size_that_the_graph_computes(compiled):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 2))], jit_compile=compiled)
    def there_and_back(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            pooled = ops.max_pool(image, 2, return_indices=True)
            restored = ops.max_unpool(*pooled, 2, output_size=keras.ops.shape(image)[1:3])
        return restored, tape.gradient(restored, image)

    for lengths in ((5, 7), (4, 3)):
        image = np.random.default_rng(0).normal(size=(2, *lengths, 2)).astype("float32")
        restored, gradient = there_and_back(image)
        kept = restored.numpy() != 0
        np.testing.assert_array_equal(restored, np.where(kept, image, 0))
        np.testing.assert_array_equal(gradient, kept)


@only_on("jax", reason="is about its compiler")
def test_a_size_that_jax_does_not_know_is_named():
    import jax

    function = jax.jit(lambda size: _unpool(VALUES, GOOD, output_size=size))
    with pytest.raises(ValueError, match="Argument `output_size` must be known"):
        function(np.array([4, 1]))
