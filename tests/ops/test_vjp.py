"""The seam: first and second gradients, several outputs, missing gradients, inference."""

import gc

import keras
import numpy as np
import pytest
from keras import ops

from keras_dlnotes import layers
from keras_dlnotes.ops.vjp import Op
from tests.backends import only_on
from tests.gradcheck import assert_close, gradients, outputs

pytestmark = pytest.mark.compiled

X = np.random.default_rng(0).normal(size=(5,)).astype("float32")


def _tracked_square(calls):
    def forward(x, *, scale):
        calls.append("forward")
        return scale * x * x, (x,)

    def backward(upstream, inputs, residuals, *, scale):
        calls.append("backward")
        return (2 * scale * residuals[0] * upstream,)

    return Op(forward, backward)


def test_settings_are_closed_over():
    square = _tracked_square([])
    ones = np.ones_like(X)
    for scale in (1.0, 3.0):
        (found,) = gradients(lambda x, scale=scale: square(x, scale=scale), [X], [ones])
        assert_close([found], [2 * scale * X])


def test_training_false_gives_the_same_gradient():
    square = _tracked_square([])
    ones = np.ones_like(X)
    expected = gradients(lambda x: square(x, scale=2.0), [X], [ones])
    found = gradients(lambda x: square(x, scale=2.0, training=False), [X], [ones])
    assert_close(found, expected)


def test_same_settings_and_shapes_are_traced_once():
    calls = []
    square = _tracked_square(calls)
    for _ in range(3):
        outputs(lambda x: square(x, scale=2.0), [X])
    if keras.backend.backend() == "torch":
        assert len(calls) == 3  # PyTorch runs the functions as they are
    else:
        assert len(calls) == 1


def test_the_end_of_the_backward_pass_gets_what_its_beginning_found():
    def forward(x, weights):
        return x @ weights, ()

    def backward(upstream, inputs, residuals):
        return (2 * upstream,)

    def finish(inputs, residuals, found):
        (x, weights), (twice,) = inputs, found
        return twice @ ops.transpose(weights) / 2, ops.transpose(x) @ twice / 2

    generator = np.random.default_rng(0)
    x, weights, upstream = (
        generator.normal(size=shape).astype("float32") for shape in ((6, 3), (3, 2), (6, 2))
    )
    expected = [upstream @ weights.T, x.T @ upstream]
    for shared in (None, 1):
        product = Op(forward, backward, finish=finish, shared_inputs=shared)
        assert_close(gradients(product, [x, weights], [upstream]), expected)


def _gradient_of_gradient(function, x):
    """d/dx of Σ (d/dx Σ function(x))."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(function(x))
            first = tf.reduce_sum(inner.gradient(total, x))
        return outer.gradient(first, x).numpy()
    if backend == "jax":
        import jax

        first = jax.grad(lambda x: function(x).sum())
        return np.asarray(jax.grad(lambda x: first(x).sum())(x))
    import torch

    x = torch.tensor(x, requires_grad=True)
    (first,) = torch.autograd.grad(function(x).sum(), x, create_graph=True)
    return torch.autograd.grad(first.sum(), x)[0].numpy()


def test_second_gradient_counts_the_residuals():
    """The residual depends on x; a rule that took it for a constant would give 0 here."""

    def forward(x):
        return x**3, (x**2,)

    def backward(upstream, inputs, residuals):
        return (3 * residuals[0] * upstream,)

    cube = Op(forward, backward)
    assert_close([_gradient_of_gradient(cube, X)], [6 * X])


def test_several_outputs_and_an_input_without_gradient():
    def forward(x, mask):
        kept = ops.cast(mask, x.dtype) * x
        return (kept * kept, ops.sum(kept)), (kept,)

    def backward(upstream, inputs, residuals):
        upstream_square, upstream_sum = upstream
        mask = ops.cast(inputs[1], residuals[0].dtype)
        return mask * (2 * residuals[0] * upstream_square + upstream_sum), None

    mask = np.array([1, 0, 1, 1, 0], "int32")
    op = Op(forward, backward)
    weights = [np.arange(5, dtype="float32"), np.float32(0.5)]
    (found,) = gradients(lambda x: op(x, ops.convert_to_tensor(mask)), [X], weights)
    assert_close([found], [mask * (2 * X * weights[0] + 0.5)])


def test_pytorch_takes_its_own_kernel_where_it_serves(way):
    calls = []

    def own(x, *, scale):
        calls.append("own")
        return scale * x * x if scale > 0 else NotImplemented

    def forward(x, *, scale):
        calls.append("forward")
        return scale * x * x, (x,)

    def backward(upstream, inputs, residuals, *, scale):
        return (2 * scale * residuals[0] * upstream,)

    square, ones = Op(forward, backward, own_kernel=own), np.ones_like(X)
    for scale in (3.0, -3.0):
        calls.clear()
        (found,) = gradients(lambda x, scale=scale: square(x, scale=scale), [X], [ones])
        assert_close([found], [2 * scale * X])
        assert ("own" in calls) == (way == "own kernels")
        assert ("forward" in calls) == (way != "own kernels" or scale < 0)


@only_on("tensorflow", reason="is about tf.function")
def test_inside_graphs_with_unknown_batch_and_under_xla():
    import tensorflow as tf

    square = _tracked_square([])

    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(square(x, scale=2.0))
        return tape.gradient(total, x)

    signature = [tf.TensorSpec((None,))]
    for compiled in (False, True):
        function = tf.function(step, input_signature=signature, jit_compile=compiled)
        for length in (5, 3):
            assert_close([function(X[:length]).numpy()], [4 * X[:length]])


def test_an_op_keeps_a_bounded_number_of_functions():
    op = Op(
        lambda x: (x * 2, ()), lambda upstream, inputs, residuals: (2 * upstream,), compiled=False
    )
    for channels in range(1, 301):
        assert float(ops.sum(op(ops.ones((1, channels))))) == 2 * channels
    kept = op._joined.cache_info()
    assert kept.currsize == kept.maxsize < 300


@pytest.mark.thorough
def test_models_of_equal_geometry_share_their_functions():
    before = None
    for _ in range(40):
        inputs = keras.Input((6, 6, 3))
        features = layers.MaxPooling2D(2)(layers.BatchNormalization()(inputs))
        model = keras.Model(inputs, layers.LSTM(2)(layers.Reshape((9, 3))(features)))
        model(np.ones((2, 6, 6, 3)), training=True)
        keras.utils.clear_session()
        kept = sum(op._joined.cache_info().currsize for op in gc.get_objects() if type(op) is Op)
        before = before or kept
        assert kept == before
