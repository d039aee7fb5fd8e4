"""What the benchmarks of recurrent layers share: shapes, layers, and rivals."""

import functools
from collections.abc import Callable

import numpy as np
from timing import import_torch, tensorflow_step

SHAPES = [(32, 100, 64, 128), (64, 128, 32, 256), (128, 28, 28, 128), (8, 512, 16, 64)]
# name, its settings, and the blocks of its kernels
KINDS = {
    "LSTM": ("LSTM", {}, 4),
    "GRU": ("GRU", {"reset_after": False}, 3),
    "GRU reset after": ("GRU", {"reset_after": True}, 3),
    "SimpleRNN": ("SimpleRNN", {}, 1),
}


def sequence(shape) -> np.ndarray:
    """A sequence (batch, time, features) of a shape (batch, time, features, units)."""
    return np.random.default_rng(0).normal(size=shape[:3]).astype("float32")


def built(layer, shape):
    """The layer with its weights."""
    layer.build(shape[:3])
    return layer


def step(layer, shape, mask=None, jit_compile: bool = False) -> Callable:
    """The train step of a Keras layer, without the optimizer."""
    more = {} if mask is None else {"mask": mask}
    function = functools.partial(layer, training=True, **more)
    return tensorflow_step(function, sequence(shape), layer.trainable_variables, jit_compile)


def torch_sequence_step(name: str, shape) -> Callable | None:
    """The train step of PyTorch's layer of that name, None where PyTorch is missing."""
    torch = import_torch()
    if torch is None:
        return None
    module = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU, "SimpleRNN": torch.nn.RNN}[name](
        shape[2], shape[3], batch_first=True
    )
    inputs = torch.tensor(sequence(shape), requires_grad=True)
    upstream = torch.randn(*shape[:2], shape[3])

    def train():
        inputs.grad = None
        module(inputs)[0].backward(upstream)

    return train


def matrix_products(blocks: int, shape) -> Callable:
    """Only the matrix products of a train step: the halves of the batch compiled, concurrent.

    x W of all steps, h U step by step; ∂E/∂a Uᵀ step by step, and the three large ones at the end.
    """
    import tensorflow as tf

    batch, time, features, units = shape
    width = blocks * units

    @tf.function(jit_compile=True, autograph=False)
    def products(x, hidden, da, kernel, recurrent_kernel):
        transposed = tf.transpose(recurrent_kernel)

        def each(sequence, weights, like):
            return tf.while_loop(
                lambda t, _: t < time,
                lambda t, total: (t + 1, total + tf.matmul(sequence[:, t], weights)),
                (0, tf.zeros((batch // 2, like))),
            )[1]

        rows = tf.reshape(da, (-1, width))
        return (
            tf.matmul(tf.reshape(x, (-1, features)), kernel),
            each(hidden, recurrent_kernel, width),
            each(da, transposed, units),
            tf.matmul(rows, kernel, transpose_b=True),
            tf.matmul(tf.reshape(x, (-1, features)), rows, transpose_a=True),
            tf.matmul(tf.reshape(hidden, (-1, units)), rows, transpose_a=True),
        )

    def half(*sizes):
        return [tf.random.normal(sizes) for _ in range(2)]

    parts = list(
        zip(
            half(batch // 2, time, features),
            half(batch // 2, time, units),
            half(batch // 2, time, width),
            strict=True,
        )
    )
    weights = tf.random.normal((features, width)), tf.random.normal((units, width))

    @tf.function(autograph=False)
    def both():
        return [products(*part, *weights) for part in parts]

    return both
