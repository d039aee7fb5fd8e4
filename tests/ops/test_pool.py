"""Pooling against the notes' tables, literal loops, autodiff, finite differences and PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
from keras_dlnotes.ops import pool
from tests import reference
from tests.backends import only_on
from tests.exporting import as_exported
from tests.gradcheck import (
    assert_close,
    check_gradients,
    check_unknown_sizes,
    compare_gradients,
    gradients,
    outputs,
    second_gradients,
)

NOTES_INPUT = [[12, 37, 11, 72], [9, 83, 92, 11], [5, 17, 11, 13], [21, 16, 15, 4]]
NOTES_TRANSLATED = [[7, 12, 37, 11], [4, 9, 83, 92], [11, 5, 17, 11], [2, 21, 16, 15]]

# rank, size, strides, padding: gaps between windows, overlaps, uneven padding, one window
GEOMETRIES = [
    ((5,), (2,), (3,), ((0, 0),)),
    ((7,), (4,), (1,), ((3, 0),)),
    ((6, 7), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((7, 6), (3, 3), (2, 2), ((1, 1), (1, 1))),
    ((5, 6), (3, 2), (1, 3), ((0, 2), (1, 0))),
    ((6, 6), (6, 6), (1, 1), ((0, 0), (0, 0))),
    ((4, 5, 3), (2, 3, 2), (2, 1, 2), ((1, 0), (1, 2), (0, 1))),
    ((4, 4, 6), (2, 2, 2), (2, 2, 2), ((0, 0), (0, 0), (0, 0))),
]
IDS = [f"{len(entry[0])}-D {entry[1]}/{entry[2]}" for entry in GEOMETRIES]


def _image(lengths, seed=0, ties=False):
    image = np.random.default_rng(seed).normal(size=(2, *lengths, 3))
    return np.round(image) if ties else image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (NOTES_INPUT, [[83, 92, 92], [83, 92, 92], [21, 17, 15]]),
        (NOTES_TRANSLATED, [[12, 83, 92], [11, 83, 92], [21, 21, 17]]),
    ],
)
def test_pooling_and_translational_invariance_in_the_notes(image, expected):
    image = np.array(image, "float32").reshape(1, 4, 4, 1)
    found = keras.ops.convert_to_numpy(ops.max_pool(image, 2, strides=1))
    assert found[0, :, :, 0].tolist() == expected


def test_backpropagation_through_max_pooling_in_the_notes():
    """Each D of a 2×2 window goes to its maximum: here x12, x23, x31 and x44."""
    image = np.array([[1, 9, 2, 3], [4, 5, 8, 6], [7, 1, 2, 3], [2, 3, 4, 9]], "float32")
    upstream = np.array([[0.1, 0.2], [0.3, 0.4]], "float32").reshape(1, 2, 2, 1)
    (found,) = gradients(lambda x: ops.max_pool(x, 2), [image.reshape(1, 4, 4, 1)], [upstream])
    expected = np.zeros((4, 4), "float32")
    expected[0, 1], expected[1, 2], expected[2, 0], expected[3, 3] = 0.1, 0.2, 0.3, 0.4
    np.testing.assert_array_equal(found[0, :, :, 0], expected)


def test_reference_on_the_notes_numbers():
    image = np.array(NOTES_INPUT, float).reshape(1, 4, 4, 1)
    found = reference.max_pool(image, (2, 2), (1, 1), ((0, 0), (0, 0)))
    assert found[0, :, :, 0].tolist() == [[83, 92, 92], [83, 92, 92], [21, 17, 15]]
    found = reference.average_pool(image, (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert found[0, :, :, 0].tolist() == [[35.25, 46.5], [14.75, 10.75]]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(("lengths", "size", "strides", "padding"), GEOMETRIES, ids=IDS)
def test_max_pool_equals_the_loop_with_ties(lengths, size, strides, padding, data_format):
    image = _image(lengths, ties=True).astype("float32")
    expected = reference.max_pool(image, size, strides, padding)
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    gradient = reference.max_pool_gradient(image, upstream, size, strides, padding)
    move = (lambda x: x) if data_format == "channels_last" else (lambda x: np.moveaxis(x, -1, 1))

    def function(x):
        return ops.max_pool(x, size, strides, padding, data_format)

    assert_close(outputs(function, [move(image)]), [move(expected)])
    assert_close(gradients(function, [move(image)], [move(upstream)]), [move(gradient)])


@pytest.mark.usefixtures("way", "averages")
@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize(("lengths", "size", "strides", "padding"), GEOMETRIES, ids=IDS)
def test_average_pool_equals_the_loop(lengths, size, strides, padding, include):
    image = _image(lengths).astype("float32")
    expected = reference.average_pool(image, size, strides, padding, include)
    found = outputs(
        lambda x: ops.average_pool(x, size, strides, padding, count_include_pad=include), [image]
    )
    assert_close(found, [expected])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding"),
    [*GEOMETRIES, ((9, 8), (6, 7), (2, 1), ((2, 1), (0, 3)))],
    ids=[*IDS, "one axis after the other"],
)
def test_what_is_exported_equals_the_loop(lengths, size, strides, padding, data_format):
    image = _image(lengths).astype("float32") - 2  # a 0 in the padding would win
    move = (lambda x: x) if data_format == "channels_last" else (lambda x: np.moveaxis(x, -1, 1))
    settings = size, strides, padding, data_format
    expected = reference.max_pool(image, size, strides, padding)
    found = outputs(as_exported(lambda x: ops.max_pool(x, *settings)), [move(image)])
    assert_close(found, [move(expected)])
    for include in (False, True):
        expected = reference.average_pool(image, size, strides, padding, include)

        def function(x, include=include):
            return ops.average_pool(x, *settings, count_include_pad=include)

        assert_close(outputs(as_exported(function), [move(image)]), [move(expected)])


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_what_is_exported_under_a_word_for_padding(padding):
    image = _image((7, 8)).astype("float32") - 2
    for op, settings in (
        (ops.max_pool, {}),
        (ops.average_pool, {}),
        (ops.average_pool, {"count_include_pad": True}),
    ):

        def function(x, op=op, settings=settings):
            return op(x, 3, 2, padding, **settings)

        assert_close(outputs(as_exported(function), [image]), outputs(function, [image]))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("lengths", "size", "strides", "padding"), GEOMETRIES, ids=IDS)
def test_hand_written_gradients_equal_autodiff_of_the_plain_forward(
    lengths, size, strides, padding
):
    image = _image(lengths, ties=True).astype("float32")
    window = pool.pool_window(size, strides, padding, None, len(size))
    compare_gradients(
        lambda x: pool._max_pool(x, window=window),
        lambda x: pool._max_pool.plain(x, window=window),
        [image],
    )
    settings = {"window": window, "count_include_pad": False, "dtype": "float32"}
    compare_gradients(
        lambda x: pool._average_pool(x, **settings),
        lambda x: pool._average_pool.plain(x, **settings),
        [image],
    )


@pytest.mark.usefixtures("way", "averages")
def test_second_gradients_are_those_of_the_plain_forward():
    image, window = _image((5, 4)).astype("float32"), pool.pool_window(3, 1, "same", None, 2)
    for op, settings in (
        (pool._max_pool, {}),
        (pool._average_pool, {"count_include_pad": False, "dtype": "float32"}),
    ):
        found, expected = (
            second_gradients(lambda x, f=f, more=settings: f(x, window=window, **more), [image])
            for f in (op, op.plain)
        )
        assert_close(found, expected)


@only_on("tensorflow", reason="needs float64")
@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
@pytest.mark.parametrize(("lengths", "size", "strides", "padding"), GEOMETRIES[1::2], ids=IDS[1::2])
def test_gradients_equal_finite_differences(op, lengths, size, strides, padding):
    check_gradients(lambda x: op(x, size, strides, padding), [_image(lengths)])


@pytest.mark.usefixtures("way", "averages")
def test_large_windows_slide_along_one_axis_after_the_other():
    """Their ties still go to the first in row-major order."""
    image = _image((9, 8), ties=True).astype("float32")
    geometry = ((6, 7), (2, 1), ((2, 1), (0, 3)))
    expected = reference.max_pool(image, *geometry)
    upstream = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    assert_close(outputs(lambda x: ops.max_pool(x, *geometry), [image]), [expected])
    assert_close(
        gradients(lambda x: ops.max_pool(x, *geometry), [image], [upstream]),
        [reference.max_pool_gradient(image, upstream, *geometry)],
    )
    found = outputs(lambda x: ops.average_pool(x, *geometry), [image])
    assert_close(found, [reference.average_pool(image, *geometry)])


@pytest.mark.usefixtures("way")
def test_padding_never_wins():
    image = np.full((1, 3, 3, 1), -5.0, "float32")
    (found,) = outputs(lambda x: ops.max_pool(x, 3, 1, padding=1), [image])
    np.testing.assert_array_equal(found, image)
    integers = np.full((1, 3, 1), -5, "int32")
    np.testing.assert_array_equal(outputs(lambda x: ops.max_pool(x, 2, 1, 1), [integers])[0], -5)


@pytest.mark.usefixtures("way")
def test_nan_in_a_window_gives_nan_and_takes_the_gradient():
    image = np.array([1, np.nan, 5, 2, 7, 3], "float32").reshape(1, 6, 1)
    (found,) = outputs(lambda x: ops.max_pool(x, 3, 3), [image])
    np.testing.assert_array_equal(found[0, :, 0], [np.nan, 7])
    upstream = np.array([2, 3], "float32").reshape(1, 2, 1)
    (gradient,) = gradients(lambda x: ops.max_pool(x, 3, 3), [image], [upstream])
    np.testing.assert_array_equal(gradient[0, :, 0], [0, 2, 0, 0, 3, 0])
    (found,) = outputs(lambda x: ops.max_pool(x, 3, 3, training=False), [image])
    np.testing.assert_array_equal(found[0, :, 0], [np.nan, 7])


@pytest.mark.usefixtures("way", "averages")
def test_random_configurations_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    generator = np.random.default_rng(3)
    for rank in (1, 2, 3):
        for _ in range(3):
            size = generator.integers(1, 4, rank).tolist()
            strides = generator.integers(1, 4, rank).tolist()
            padding = tuple(int(generator.integers(k // 2 + 1)) for k in size)
            image = np.round(generator.normal(size=(2, 3, *generator.integers(5, 8, rank))) * 2)
            image = image.astype("float32")
            for kind in ("max", "avg"):
                tensor = torch.tensor(image, requires_grad=True)
                settings = {} if kind == "max" else {"count_include_pad": True}
                function = getattr(torch.nn.functional, f"{kind}_pool{rank}d")
                expected = function(tensor, size, strides, padding, **settings)
                upstream = generator.normal(size=expected.shape).astype("float32")
                expected.backward(torch.tensor(upstream))
                op = ops.max_pool if kind == "max" else ops.average_pool

                def ours(x, op=op, size=size, strides=strides, padding=padding, more=settings):
                    return op(x, size, strides, padding, "channels_first", **more)

                assert_close(outputs(ours, [image]), [expected.detach().numpy()])
                assert_close(gradients(ours, [image], [upstream]), [tensor.grad.numpy()])


@pytest.mark.usefixtures("averages")
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32"])
@pytest.mark.parametrize("lengths", [(7,), (7, 6), (4, 7, 6)])
def test_other_types_give_what_float32_gives(lengths, dtype):
    image = _image(lengths, ties=True).astype("float32")
    tensor = keras.ops.cast(image, dtype)
    found = ops.max_pool(tensor, 3, 2, "same")
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    found = [keras.ops.convert_to_numpy(keras.ops.cast(found, "float32"))]
    assert_close(found, outputs(lambda x: ops.max_pool(x, 3, 2, "same"), [image]), 0)
    if dtype != "int32":
        found = keras.ops.cast(ops.average_pool(tensor, 3, 2, "same"), "float32")
        expected = outputs(lambda x: ops.average_pool(x, 3, 2, "same"), [image])
        assert_close([keras.ops.convert_to_numpy(found)], expected, 0.02)


@pytest.mark.thorough
@pytest.mark.usefixtures("averages")
@only_on("tensorflow", reason="is about unknown sizes")
@pytest.mark.parametrize("padding", ["same", "valid", ((1, 0), (0, 1))])
def test_sizes_unknown_until_the_call(padding):
    def function(x):
        return ops.max_pool(x, 3, 2, padding) + ops.average_pool(x, 3, 2, padding)

    images = [_image(lengths).astype("float32") for lengths in ((5, 6), (8, 7))]
    check_unknown_sizes(function, (None, None, None, 3), images)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"pool_size": 0}, "pool_size"),
        ({"pool_size": (2, 2, 2)}, "pool_size"),
        ({"pool_size": 2, "strides": -1}, "strides"),
        ({"pool_size": 2, "padding": 2}, "padding"),
        ({"pool_size": 2, "padding": "full"}, "padding"),
        ({"pool_size": 9}, "pool_size"),
        ({"pool_size": 2, "data_format": "NHWC"}, "data_format"),
    ],
)
@pytest.mark.parametrize("op", [ops.max_pool, ops.average_pool])
def test_bad_arguments_are_named(op, arguments, name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        op(np.zeros((1, 4, 4, 1), "float32"), **arguments)
