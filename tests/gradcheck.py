"""Checks gradients: against finite differences, and against each other.

    function(*tensors) -> tensor or tuple of tensors

`gradients` asks the active backend for ∂⟨upstream, function⟩/∂tensor. `check_gradients` compares it
with the central difference along random directions v,

    ⟨∇, v⟩ ≈ (F(x + εv) − F(x − εv)) / 2ε,   F = ⟨upstream, function(x)⟩,

in float64, where an error of one part in a thousand stands far above the noise. Keras lets float64
pass on TensorFlow alone; elsewhere compare with the autodiff of the plain forward.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np

EPSILON = 1e-6
TOLERANCE = 1e-6


def outputs(function: Callable, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The function's outputs as a list of arrays."""
    result = function(*map(keras.ops.convert_to_tensor, arrays))
    return [keras.ops.convert_to_numpy(entry) for entry in _as_tuple(result)]


def gradients(
    function: Callable, arrays: Sequence[np.ndarray], upstream: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """The gradients of Σ ⟨upstream, output⟩ with respect to each array, by the active backend."""
    backend = keras.backend.backend()
    compute = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[backend]
    return [keras.ops.convert_to_numpy(entry) for entry in compute(function, arrays, upstream)]


def check_gradients(
    function: Callable, arrays: Sequence[np.ndarray], seed: int = 0, directions: int = 3
) -> None:
    """Raises AssertionError where a gradient differs from the finite difference."""
    generator = np.random.default_rng(seed)
    arrays = [np.asarray(array, "float64") for array in arrays]
    upstream = [generator.normal(size=entry.shape) for entry in outputs(function, arrays)]
    found = gradients(function, arrays, upstream)
    for position, (array, gradient) in enumerate(zip(arrays, found, strict=True)):
        assert gradient.shape == array.shape
        for _ in range(directions):
            direction = generator.normal(size=array.shape)
            direction /= np.linalg.norm(direction)

            def along(step, position=position, direction=direction):
                moved = list(arrays)
                moved[position] = arrays[position] + step * direction
                return sum(
                    np.vdot(weight, output)
                    for weight, output in zip(upstream, outputs(function, moved), strict=True)
                )

            numeric = (along(EPSILON) - along(-EPSILON)) / (2 * EPSILON)
            analytic = np.vdot(gradient, direction)
            scale = max(1.0, np.linalg.norm(gradient))
            assert abs(numeric - analytic) <= TOLERANCE * scale, (
                f"argument {position}: finite difference {numeric}, gradient {analytic}"
            )


def compare_gradients(
    function: Callable,
    reference: Callable,
    arrays: Sequence[np.ndarray],
    seed: int = 0,
    tolerance: float = 1e-5,
) -> None:
    """Raises AssertionError where outputs or gradients of the two functions differ."""
    generator = np.random.default_rng(seed)
    expected = outputs(reference, arrays)
    assert_close(outputs(function, arrays), expected, tolerance)
    upstream = [generator.normal(size=entry.shape).astype(entry.dtype) for entry in expected]
    assert_close(
        gradients(function, arrays, upstream), gradients(reference, arrays, upstream), tolerance
    )


def second_gradients(function: Callable, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The gradients of Σ ‖∇ Σ y³‖², a penalty on the gradient of the function y's own sum."""
    backend = keras.backend.backend()
    compute = {
        "tensorflow": _second_tensorflow,
        "jax": _second_jax,
        "torch": _second_torch,
    }[backend]
    return [keras.ops.convert_to_numpy(entry) for entry in compute(function, arrays)]


def check_unknown_sizes(
    function: Callable, shape: Sequence[int | None], images: Sequence[np.ndarray]
) -> None:
    """Raises AssertionError where the function differs once TensorFlow traces it for open sizes.

    Args:
        function: of one tensor.
        shape: the tensor's as far as it is known.
        images: arrays of different sizes, for one traced function.
    """
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(shape)])
    def step(image):
        with tf.GradientTape() as tape:
            tape.watch(image)
            result = function(image)
        return result, tape.gradient(result, image)

    for image in images:
        (expected,) = outputs(function, [image])
        result, gradient = step(image)
        assert_close([result.numpy()], [expected])
        assert_close([gradient.numpy()], gradients(function, [image], [np.ones_like(expected)]))


def assert_close(found, expected, tolerance: float = 1e-5) -> None:
    """Compares lists of arrays, each to its own scale."""
    for left, right in zip(found, expected, strict=True):
        scale = max(1.0, float(np.max(np.abs(right)))) if right.size else 1.0
        np.testing.assert_allclose(left, right, rtol=0, atol=tolerance * scale)


def _as_tuple(result):
    return tuple(result) if isinstance(result, list | tuple) else (result,)


def _tensorflow(function, arrays, upstream):
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        result = list(_as_tuple(function(*tensors)))
    weights = [tf.convert_to_tensor(array) for array in upstream]
    return tape.gradient(result, tensors, weights, unconnected_gradients="zero")


def _jax(function, arrays, upstream):
    import jax

    arrays = [jax.numpy.asarray(array) for array in arrays]
    _, pull_back = jax.vjp(lambda *tensors: _as_tuple(function(*tensors)), *arrays)
    return pull_back(tuple(jax.numpy.asarray(array) for array in upstream))


def _torch(function, arrays, upstream):
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    pairs = zip(_as_tuple(function(*tensors)), map(torch.tensor, upstream), strict=True)
    pairs = [pair for pair in pairs if pair[0].requires_grad]
    if not pairs:  # which PyTorch takes for a mistake
        return [torch.zeros_like(tensor) for tensor in tensors]
    result, upstream = zip(*pairs, strict=True)
    found = torch.autograd.grad(
        result, tensors, upstream, materialize_grads=True, allow_unused=True
    )
    return [entry.detach() for entry in found]


def _second_tensorflow(function, arrays):
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(array) for array in arrays]
    with tf.GradientTape() as outer:
        outer.watch(tensors)
        with tf.GradientTape() as inner:
            inner.watch(tensors)
            total = tf.reduce_sum(function(*tensors) ** 3)
        penalty = sum(tf.reduce_sum(g**2) for g in inner.gradient(total, tensors))
    return outer.gradient(penalty, tensors, unconnected_gradients="zero")


def _second_jax(function, arrays):
    import jax

    positions = tuple(range(len(arrays)))
    first = jax.grad(lambda *tensors: (function(*tensors) ** 3).sum(), positions)
    penalty = jax.grad(lambda *tensors: sum((g**2).sum() for g in first(*tensors)), positions)
    return penalty(*map(jax.numpy.asarray, arrays))


def _second_torch(function, arrays):
    import torch

    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    first = torch.autograd.grad((function(*tensors) ** 3).sum(), tensors, create_graph=True)
    penalty = sum((g**2).sum() for g in first)
    return torch.autograd.grad(penalty, tensors, materialize_grads=True, allow_unused=True)
