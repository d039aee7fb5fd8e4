"""Convolutions of empty batches and of images too small, even where a graph leaves sizes open."""

import itertools

import numpy as np
import pytest

from keras_dlnotes import layers, ops
from tests.backends import only_on
from tests.gradcheck import gradients, outputs

pytestmark = pytest.mark.compiled


def _cases():
    kinds = {
        "conv": ((4, 6), ops.conv),
        "groups": ((2, 6), ops.conv),
        "one channel a group": ((1, 8), ops.conv),
        "depthwise": ((4, 2), ops.depthwise_conv),
        "transposed": ((6, 4), ops.conv_transpose),
    }
    for rank, kind, strides, padding, dilation in itertools.product(
        (1, 2, 3), kinds, (1, 2), ("valid", "same", 1), (1, 2)
    ):
        steps = (strides, *(1,) * (rank - 1)) if padding == 1 else strides
        channels, op = kinds[kind]
        arguments = {"strides": steps, "padding": padding, "dilation_rate": dilation}
        kernel = np.ones((3,) * rank + channels, "float32")
        label = f"{rank}-D {kind} {arguments}"
        yield pytest.param(op, kernel, arguments, id=label)


ALL = list(_cases())
CASES = ALL[::7]  # each rank with each kind, and each stride, padding and dilation
SLOW = [
    pytest.param(*case.values, id=case.id, marks=pytest.mark.slow)
    for number, case in enumerate(ALL)
    if number % 7
]


def _arrays(op, kernel, count):
    lengths = (7, 6, 8)[: kernel.ndim - 2]
    out = kernel.shape[-1]
    if op is not ops.conv:
        out = kernel.shape[-2] if op is ops.conv_transpose else kernel.shape[-1] * kernel.shape[-2]
    image = np.ones((count, *lengths, 4), "float32")
    return [image, kernel, np.ones(out, "float32")]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("op", "kernel", "arguments"), CASES + SLOW)
def test_of_no_image_there_is_no_output_and_gradients_are_zero(op, kernel, arguments):
    def function(*tensors):
        return op(*tensors, **arguments)

    (like,) = outputs(function, _arrays(op, kernel, 1))
    arrays = _arrays(op, kernel, 0)
    (found,) = outputs(function, arrays)
    assert found.shape == (0, *like.shape[1:])
    for array, gradient in zip(arrays, gradients(function, arrays, [found]), strict=True):
        np.testing.assert_array_equal(gradient, np.zeros(array.shape))


@pytest.mark.sampled(4)
@only_on("tensorflow", reason="whose graphs may leave the number of images open")
@pytest.mark.parametrize(("op", "kernel", "arguments"), CASES[::5] + SLOW[::17])
def test_a_graph_takes_no_image_as_well_as_some(op, kernel, arguments):
    import tensorflow as tf

    shape = [tf.TensorSpec((None,) * (kernel.ndim - 1) + (4,))]

    @tf.function(input_signature=shape, autograph=False)
    def step(image):
        tensors = [image, *map(tf.constant, _arrays(op, kernel, 0)[1:])]
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            result = op(*tensors, **arguments)
        return result, tape.gradient(result, tensors)

    for count in (2, 0):
        arrays = _arrays(op, kernel, count)
        (expected,) = outputs(lambda *tensors: op(*tensors, **arguments), arrays)
        result, found = step(arrays[0])
        np.testing.assert_allclose(result, expected, rtol=1e-5)
        right = gradients(
            lambda *tensors: op(*tensors, **arguments), arrays, [np.ones_like(expected)]
        )
        for left, gradient in zip(found, right, strict=True):
            np.testing.assert_allclose(left, gradient, rtol=1e-5)


@pytest.mark.sampled(4)
@only_on("tensorflow", reason="whose graphs may leave lengths open")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("op", "channels", "short", "arguments", "name"),
    [
        (ops.conv, (2, 3), 4, {"dilation_rate": 2}, "kernel"),
        (ops.conv, (1, 3), 4, {"dilation_rate": 2}, "kernel"),
        (ops.conv, (2, 3), 2, {"padding": 1, "dilation_rate": 2}, "kernel"),
        (ops.depthwise_conv, (2, 3), 2, {"strides": 2}, "kernel"),
        (ops.conv_transpose, (3, 2), 2, {"padding": 2}, "padding"),
        (ops.conv_transpose, (3, 2), 0, {}, "padding"),
        (ops.conv_transpose, (3, 2), 0, {"padding": "same", "strides": 2}, "padding"),
    ],
)
def test_an_image_too_small_raises_when_the_graph_runs(
    op, channels, short, arguments, name, compiled
):
    import tensorflow as tf

    kernel = np.ones((3, 3, *channels), "float32")
    if op is ops.conv and channels[0] == 1:
        kernel = np.ones((3, 3, 1, 2), "float32")
    step = tf.function(
        lambda image: op(image, kernel, **arguments),
        input_signature=[tf.TensorSpec((None, None, None, 2))],
        jit_compile=compiled,
    )
    expected = op(np.ones((1, 9, short + 1, 2), "float32"), kernel, **arguments)
    np.testing.assert_allclose(step(tf.ones((1, 9, short + 1, 2))), expected)
    message = name if compiled else f"Argument `{name}` must be .* along axis 2"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        step(tf.ones((1, 9, short, 2)))


@only_on("tensorflow", reason="whose graphs may leave lengths open")
def test_a_way_back_is_asked_for_where_the_length_is_open_too():
    with pytest.raises(ValueError, match=r"`output_padding` must be such that .* takes length"):
        layers.Conv1DTranspose(2, 2, strides=2, padding="same", output_padding=0).build(
            (None, None, 3)
        )


@pytest.mark.parametrize(
    ("shape", "kernel", "name"),
    [
        ((2, 6, 5, 0), (3, 3, 0, 2), "inputs"),
        ((2, 6, 5, 0), (3, 3, 2, 2), "inputs"),
        ((2, 6, 5, 2), (3, 3, 0, 2), "kernel"),
        ((2, 6, 5, 2), (3, 3, 2, 0), "kernel"),
        ((2, 6, 5, 2), (0, 3, 2, 2), "kernel"),
        ((2, 6, 0, 2), (1, 1, 2, 2), "kernel|inputs"),
    ],
)
@pytest.mark.parametrize("op", [ops.conv, ops.depthwise_conv, ops.conv_transpose])
def test_what_else_is_empty_is_refused(op, shape, kernel, name):
    with pytest.raises(ValueError, match=f"Argument `({name})` must be "):
        op(np.ones(shape, "float32"), np.ones(kernel, "float32"))


@pytest.mark.parametrize(
    "name", ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SpatiallySeparableConv2D"]
)
def test_layers_refuse_images_without_channels(name):
    arguments = {} if name.startswith("Depth") else {"filters": 2}
    with pytest.raises(ValueError, match="`inputs` must be of a known number of channels ≥ 1"):
        getattr(layers, name)(kernel_size=2, **arguments)(np.ones((1, 4, 4, 0), "float32"))
