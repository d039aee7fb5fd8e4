"""Transposed convolution against literal loops, its adjoint, autodiff, differences, PyTorch."""

import keras
import numpy as np
import pytest

from keras_dlnotes import ops
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
)

# lengths, kernel size, strides, padding, dilation, output padding
GEOMETRIES = [
    ((4,), (3,), (2,), ((0, 0),), (1,), (0,)),
    ((4,), (2,), (3,), ((1, 0),), (2,), (2,)),
    ((3, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (0, 0)),
    ((4, 3), (3, 2), (2, 3), ((1, 1), (0, 1)), (1, 1), (1, 2)),
    ((4, 3), (3, 3), (1, 1), ((1, 1), (2, 0)), (1, 1), (0, 0)),
    ((4, 4), (3, 3), (2, 1), ((2, 2), (1, 3)), (2, 2), (1, 0)),
    ((4, 4), (2, 2), (1, 1), ((2, 1), (2, 2)), (1, 1), (0, 0)),  # crops more than the kernel adds
    ((3, 2, 2), (2, 3, 1), (2, 1, 2), ((1, 0), (1, 1), (0, 0)), (1, 1, 1), (0, 0, 1)),
    ((2, 3, 2), (2, 1, 2), (1, 2, 1), ((0, 1), (0, 0), (0, 0)), (2, 1, 1), (0, 1, 0)),
]
IDS = [f"{len(g[0])}-D {g[1]}/{g[2]} p={g[3]} d={g[4]}" for g in GEOMETRIES]
GRID = pytest.mark.parametrize(
    ("lengths", "size", "strides", "padding", "dilation", "more"), GEOMETRIES, ids=IDS
)


def _arrays(lengths, size, dtype="float32"):
    generator = np.random.default_rng(0)
    image = generator.normal(size=(2, *lengths, 4))
    kernel = generator.normal(size=(*size, 3, 4))
    return [image.astype(dtype), kernel.astype(dtype)]


def _output_lengths(lengths, size, strides, padding, dilation, more):
    """The design's formula, (m−1)s − 2p + d(k−1) + output_padding + 1, one axis at a time."""
    return tuple(
        (m - 1) * s - before - after + d * (k - 1) + extra + 1
        for m, k, s, (before, after), d, extra in zip(
            lengths, size, strides, padding, dilation, more, strict=True
        )
    )


def test_reference_by_hand():
    """Two pixels 1, 10 under the kernel 1, 2, 3 at stride 2: they overlap in the middle."""
    image, kernel = np.array([[[1.0], [10.0]]]), np.array([1.0, 2, 3]).reshape(3, 1, 1)
    found = reference.transpose_convolve(image, kernel, (2,), ((0, 0),), (1,), (5,))
    assert found[0, :, 0].tolist() == [1, 2, 3 + 10, 20, 30]
    found = reference.transpose_convolve(image, kernel, (2,), ((1, 1),), (1,), (3,))
    assert found[0, :, 0].tolist() == [2, 3 + 10, 20]


@GRID
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equals_the_loop(lengths, size, strides, padding, dilation, more, data_format):
    image, kernel = _arrays(lengths, size)
    bias = np.arange(3, dtype="float32")
    length = _output_lengths(lengths, size, strides, padding, dilation, more)
    expected = reference.transpose_convolve(image, kernel, strides, padding, dilation, length)
    expected = expected + bias
    if data_format == "channels_first":
        image, expected = np.moveaxis(image, -1, 1), np.moveaxis(expected, -1, 1)

    def function(x, k, b):
        return ops.conv_transpose(x, k, b, strides, padding, more, data_format, dilation)

    assert_close(outputs(function, [image, kernel, bias]), [expected])
    assert_close(outputs(as_exported(function), [image, kernel, bias]), [expected])


@GRID
def test_is_the_adjoint_of_the_convolution(lengths, size, strides, padding, dilation, more):
    """⟨K ∗ v, x⟩ = ⟨v, ConvTranspose(x)⟩."""
    image, kernel = _arrays(lengths, size)
    (found,) = outputs(
        lambda x, k: ops.conv_transpose(x, k, None, strides, padding, more, None, dilation),
        [image, kernel],
    )
    v = np.random.default_rng(1).normal(size=found.shape).astype("float32")
    (convolved,) = outputs(
        lambda v, k: ops.conv(v, k, None, strides, padding, None, dilation), [v, kernel]
    )
    assert convolved.shape == image.shape
    np.testing.assert_allclose(np.vdot(convolved, image), np.vdot(v, found), rtol=1e-4)


@pytest.mark.usefixtures("way")
@GRID
def test_gradients_equal_autodiff(lengths, size, strides, padding, dilation, more):
    """Against the framework's derivative of: dilate by the stride, pad, convolve with flipped K."""

    def plain(image, kernel):
        dilated = _dilated(image, strides)
        widths = [
            (d * (k - 1) - before, d * (k - 1) - after + extra)
            for k, (before, after), d, extra in zip(size, padding, dilation, more, strict=True)
        ]
        grow = [tuple(max(side, 0) for side in pair) for pair in widths]
        cut = [tuple(max(-side, 0) for side in pair) for pair in widths]
        dilated = keras.ops.pad(dilated, ((0, 0), *grow, (0, 0)))
        index = [slice(a, dilated.shape[axis] - b) for axis, (a, b) in enumerate(cut, start=1)]
        dilated = dilated[(slice(None), *index)]
        flipped = keras.ops.flip(kernel, axis=tuple(range(len(size))))
        flipped = keras.ops.swapaxes(flipped, -1, -2)
        return keras.ops.conv(dilated, flipped, 1, "valid", "channels_last", dilation)

    compare_gradients(
        lambda x, k: ops.conv_transpose(x, k, None, strides, padding, more, None, dilation),
        plain,
        _arrays(lengths, size),
    )


def _dilated(image, strides):
    """s − 1 zeros between neighbours, by stacking them after each pixel."""
    for axis, s in enumerate(strides, start=1):
        shape = list(image.shape)
        stacked = keras.ops.stack([image] + [keras.ops.zeros_like(image)] * (s - 1), axis + 1)
        shape[axis] *= s
        image = keras.ops.reshape(stacked, shape)
        index = [slice(None)] * len(shape)
        index[axis] = slice(0, shape[axis] - s + 1)
        image = image[tuple(index)]
    return image


@only_on("tensorflow", reason="needs float64")
@GRID
def test_gradients_equal_finite_differences(lengths, size, strides, padding, dilation, more):
    check_gradients(
        lambda x, k: ops.conv_transpose(x, k, None, strides, padding, more, None, dilation),
        _arrays(lengths, size),
    )


def test_random_configurations_equal_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    generator = np.random.default_rng(5)
    for rank in (1, 2, 3):
        for _ in range(6):
            size, strides, dilation = generator.integers(1, 4, (3, rank)).tolist()
            more = [int(generator.integers(s)) for s in strides]
            padding = [
                int(generator.integers(d * (k - 1) + 1))
                for k, d in zip(size, dilation, strict=True)
            ]
            image = generator.normal(size=(2, 4, *generator.integers(3, 6, rank))).astype("float32")
            kernel = generator.normal(size=(*size, 3, 4)).astype("float32")
            tensor = torch.tensor(image, requires_grad=True)
            weight = torch.tensor(np.moveaxis(kernel, (-1, -2), (0, 1)), requires_grad=True)
            expected = (
                getattr(torch.nn.functional, f"conv_transpose{rank}d")(
                    tensor, weight, None, strides, padding, more, 1, dilation
                )
                if min(_expected_lengths(image, size, strides, padding, dilation, more)) > 0
                else None
            )
            if expected is None:
                continue
            upstream = generator.normal(size=expected.shape).astype("float32")
            expected.backward(torch.tensor(upstream))

            def ours(x, k, strides=strides, padding=padding, dilation=dilation, more=more):
                return ops.conv_transpose(
                    x, k, None, strides, padding, more, "channels_first", dilation
                )

            assert_close(outputs(ours, [image, kernel]), [expected.detach().numpy()])
            kernel_gradient = np.moveaxis(weight.grad.numpy(), (0, 1), (-1, -2))
            assert_close(
                gradients(ours, [image, kernel], [upstream]),
                [tensor.grad.numpy(), kernel_gradient],
            )


def _expected_lengths(image, size, strides, padding, dilation, more):
    pairs = [(p, p) for p in padding]
    return _output_lengths(image.shape[2:], size, strides, pairs, dilation, more)


@pytest.mark.parametrize("output_padding", [None, 0, 1])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("size", "stride"), [(3, 2), (2, 2), (2, 3), (5, 3), (3, 1)])
def test_words_give_what_keras_gives(padding, size, stride, output_padding):
    if output_padding == 1 and stride == 1:
        pytest.skip("output padding must be less than the stride")
    if padding == "same" and size % 2 == 0 and output_padding == 0:
        pytest.skip("Keras fails there, see the test of errors")
    arrays = _arrays((4, 3), (size, size))

    def ours(x, k):
        return ops.conv_transpose(x, k, None, stride, padding, output_padding)

    def theirs(x, k):
        return keras.ops.conv_transpose(x, k, stride, padding, output_padding)

    compare_gradients(ours, theirs, arrays)
    assert_close(outputs(as_exported(ours), arrays), outputs(theirs, arrays))


@pytest.mark.thorough
@only_on("tensorflow", reason="is about unknown sizes")
@pytest.mark.parametrize(("strides", "padding"), [(2, "same"), (2, "valid"), (2, 1), (1, 1)])
def test_sizes_unknown_until_the_call(strides, padding):
    _, kernel = _arrays((1, 1), (3, 3))
    images = [_arrays(lengths, (3, 3))[0] for lengths in ((3, 4), (5, 2))]
    check_unknown_sizes(
        lambda x: ops.conv_transpose(x, kernel, None, strides, padding),
        (None, None, None, 4),
        images,
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"strides": 0}, "strides"),
        ({"padding": -1}, "padding"),
        ({"padding": "causal"}, "padding"),
        ({"padding": 6}, "padding"),
        ({"output_padding": -1}, "output_padding"),
        ({"output_padding": 2, "strides": 2}, "output_padding"),
        (
            {"kernel": np.ones((2, 2, 3, 4), "f"), "padding": "same", "output_padding": 0},
            "output_padding",
        ),
        ({"dilation_rate": 0}, "dilation_rate"),
        ({"data_format": "NCHW"}, "data_format"),
        ({"kernel": np.zeros((3, 3, 4, 3), "float32")}, "kernel"),
        ({"inputs": np.zeros((3, 3, 4), "float32")}, "inputs"),
    ],
)
def test_bad_arguments_are_named(arguments, name):
    image, kernel = _arrays((4, 3), (3, 3))
    with pytest.raises(ValueError, match=f"Argument `{name}` must be .*Received: {name}="):
        ops.conv_transpose(**{"inputs": image, "kernel": kernel, **arguments})
