"""Pooling with the number of windows rounded up: literal loops, PyTorch, autodiff, differences."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests import reference
from tests.backends import only_on
from tests.exporting import as_exported
from tests.gradcheck import (
    assert_close,
    check_gradients,
    check_unknown_sizes,
    compare_gradients,
    outputs,
)

# lengths, size, strides, padding: nothing is left over, something is, windows that would start
# behind the image, a window longer than the image, one axis after the other, volumes
GEOMETRIES = [
    ((7,), (3,), (2,), ((0, 0),)),
    ((6,), (3,), (2,), ((0, 0),)),
    ((5,), (2,), (2,), ((1, 1),)),
    ((7,), (2,), (5,), ((0, 0),)),
    ((2,), (3,), (2,), ((0, 0),)),
    ((60,), (30,), (7,), ((3, 0),)),
    ((6, 7), (3, 2), (2, 3), ((1, 1), (0, 1))),
    ((6, 8), (3, 3), (2, 2), ((0, 0), (0, 0))),
    ((9, 8), (6, 7), (4, 3), ((2, 1), (0, 3))),
    ((4, 5, 6), (2, 3, 2), (3, 2, 2), ((0, 1), (1, 1), (0, 0))),
]
GRID = pytest.mark.parametrize(("lengths", "size", "strides", "padding"), GEOMETRIES, ids=str)


def _image(lengths, dtype="float32"):
    return np.random.default_rng(0).normal(size=(2, *lengths, 3)).astype(dtype) - 2


def _rounded_up(lengths, size, strides, padding):
    """The padding with which rounding down gives as many windows: by trying every length."""
    result = []
    for m, k, s, (before, after) in zip(lengths, size, strides, padding, strict=True):
        starts = [start for start in range(-before, m, s) if start < m + after]
        # all windows that fit, and one more if it starts in the image
        fitting = [start for start in starts if start + k <= m + after]
        last = starts[len(fitting)] if starts[len(fitting) :] and fitting != starts else None
        cut_off = last is not None and (fitting[-1] + k < m + after if fitting else True)
        end = last + k if cut_off else m + after
        result.append((before, max(after, end - m)))
    return tuple(result)


def _average(image, size, strides, padding, include):
    """The mean over what lies in the image, or in its padding, but not behind it."""
    up = _rounded_up(image.shape[1:-1], size, strides, padding)
    if not include:
        return reference.average_pool(image, size, strides, up)
    widths = ((0, 0), *padding, (0, 0))
    behind = tuple((0, more - after) for (_, more), (_, after) in zip(up, padding, strict=True))
    return reference.average_pool(np.pad(image, widths), size, strides, behind)


@pytest.mark.usefixtures("way")
@GRID
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_max_pool_equals_the_loop(lengths, size, strides, padding, data_format):
    image = _image(lengths)
    up = _rounded_up(lengths, size, strides, padding)
    move = (lambda x: x) if data_format == "channels_last" else (lambda x: np.moveaxis(x, -1, 1))

    def function(x):
        return ops.max_pool(x, size, strides, padding, data_format, ceil_mode=True)

    expected = move(reference.max_pool(image, size, strides, up))
    assert_close(outputs(function, [move(image)]), [expected])
    assert_close(outputs(as_exported(function), [move(image)]), [expected])


@pytest.mark.usefixtures("way", "averages")
@GRID
@pytest.mark.parametrize("include", [False, True])
def test_average_pool_equals_the_loop(lengths, size, strides, padding, include):
    image = _image(lengths)

    def function(x):
        settings = {"count_include_pad": include, "ceil_mode": True}
        return ops.average_pool(x, size, strides, padding, **settings)

    expected = _average(image, size, strides, padding, include)
    assert_close(outputs(function, [image]), [expected])
    assert_close(outputs(as_exported(function), [image]), [expected])


@GRID
def test_equals_pytorch(lengths, size, strides, padding):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    pairs = zip(padding, size, strict=True)
    if any(before != after or 2 * before > k for (before, after), k in pairs):
        pytest.skip("PyTorch pads both sides alike, by no more than half a window")
    image, rank = _image(lengths), len(lengths)
    tensor = torch.tensor(np.moveaxis(image, -1, 1).copy(), requires_grad=True)
    before = [pair[0] for pair in padding]
    name = f"pool{rank}d"
    expected, indices = getattr(torch.nn.functional, f"max_{name}")(
        tensor, size, strides, before, ceil_mode=True, return_indices=True
    )
    found = ops.max_pool(image, size, strides, padding, return_indices=True, ceil_mode=True)
    for entry, other in zip(found, (expected.detach(), indices), strict=True):
        assert_close([np.moveaxis(keras.ops.convert_to_numpy(entry), -1, 1)], [other.numpy()])
    for include in (False, True):
        expected = getattr(torch.nn.functional, f"avg_{name}")(
            tensor, size, strides, before, True, include
        )
        found = ops.average_pool(
            image, size, strides, padding, count_include_pad=include, ceil_mode=True
        )
        found = np.moveaxis(keras.ops.convert_to_numpy(found), -1, 1)
        assert_close([found], [expected.detach().numpy()])


def _gathered(lengths, size, strides, padding, reduce):
    """Pooling by indices of each window, for the framework to differentiate."""
    up = _rounded_up(lengths, size, strides, padding)
    places = list(reference.windows(lengths, size, strides, up, (1,) * len(size)))

    def function(x):
        flat = keras.ops.reshape(x, (x.shape[0], -1, x.shape[-1]))
        found = []
        for _, seen in places:
            rows = [int(np.ravel_multi_index(position, lengths)) for _, position in seen]
            found.append(reduce(keras.ops.take(flat, np.array(rows), axis=1), axis=1))
        counts = reference.places(lengths, size, strides, up, (1,) * len(size))
        return keras.ops.reshape(keras.ops.stack(found, 1), (x.shape[0], *counts, x.shape[-1]))

    return function


@pytest.mark.sampled(4)
@pytest.mark.usefixtures("way")
@GRID
def test_gradients_equal_autodiff(lengths, size, strides, padding):
    geometry = lengths, size, strides, padding
    compare_gradients(
        lambda x: ops.max_pool(x, size, strides, padding, ceil_mode=True),
        _gathered(*geometry, keras.ops.max),
        [_image(lengths)],
    )
    compare_gradients(
        lambda x: ops.average_pool(x, size, strides, padding, ceil_mode=True),
        _gathered(*geometry, keras.ops.mean),
        [_image(lengths)],
    )


@pytest.mark.sampled(4)
@only_on("tensorflow", reason="needs float64")
@GRID
def test_gradients_equal_finite_differences(lengths, size, strides, padding):
    check_gradients(
        lambda x: ops.max_pool(x, size, strides, padding, ceil_mode=True), [_image(lengths)]
    )
    for include in (False, True):
        check_gradients(
            lambda x, include=include: ops.average_pool(
                x, size, strides, padding, count_include_pad=include, ceil_mode=True
            ),
            [_image(lengths)],
        )


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 2, 0), (2, 3, 0), (2, 2, 1)])
def test_sizes_unknown_until_the_call(size, stride, padding):
    images = [_image(lengths) for lengths in ((6, 7), (8, 5), (9, 9))]
    for function in (ops.max_pool, ops.average_pool):
        check_unknown_sizes(
            lambda x, function=function: function(x, size, stride, padding, ceil_mode=True),
            (None, None, None, 3),
            images,
        )


@only_on("tensorflow", reason="whose files may leave lengths open")
def test_export_with_open_sizes():
    import tensorflow as tf

    def trace(size, stride):
        function = as_exported(lambda x: ops.max_pool(x, size, stride, ceil_mode=True))
        return tf.function(function, input_signature=[tf.TensorSpec((1, None, None, 3))])

    image = _image((6, 8))[:1]
    expected = ops.max_pool(image, 3, 2, ceil_mode=True)
    assert_close([trace(3, 2)(image).numpy()], [keras.ops.convert_to_numpy(expected)])
    with pytest.raises(ValueError, match="Argument `ceil_mode` must be False for an exported"):
        trace(2, 3)(image)


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_layer_names_what_is_wrong(kind):
    layer = getattr(layers, f"{kind}Pooling2D")
    with pytest.raises(ValueError, match=r"Argument `ceil_mode` must be .*Received: ceil_mode=1"):
        layer(2, ceil_mode=1)
    with pytest.raises(ValueError, match="`pool_size` must be no longer than the padded input"):
        layer(4, 2, ceil_mode=True)(keras.Input((1, 8, 3)))
