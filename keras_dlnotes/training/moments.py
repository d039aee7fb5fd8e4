"""Mean and variance of many values, merged from those of batches without loss of precision."""

import keras
import numpy as np
from keras import ops


def moments(layer: keras.layers.BatchNormalization, inputs, mask):
    """Returns (4, features): n, a centre c near the mean, (1/n) Σ (z − c) and Σ (z − c)²."""
    z = ops.cast(inputs, _summed_in(inputs.dtype))
    axes = [axis for axis in range(len(z.shape)) if axis != layer.axis % len(z.shape)]
    counts = ops.ones_like(z)
    if mask is not None:
        counts = counts * ops.expand_dims(ops.cast(ops.cast(mask, "bool"), z.dtype), -1)
        z = ops.where(counts > 0, z, ops.zeros_like(z))
    n = ops.sum(counts, axes, keepdims=True)
    centre = ops.sum(z, axes, keepdims=True) / ops.maximum(n, 1)
    around = (z - centre) * counts
    first = ops.sum(around, axes, keepdims=True) / ops.maximum(n, 1)
    second = ops.sum(ops.square(around), axes, keepdims=True)
    return ops.stack([ops.squeeze(entry, axes) for entry in (n, centre, first, second)])


def _summed_in(dtype) -> str:
    """Returns the dtype for sums: TensorFlow adds term by term, so float32 loses precision."""
    on_tensorflow = keras.backend.backend() == "tensorflow"
    return "float64" if on_tensorflow else keras.backend.result_type(dtype, "float32")


def merged(parts: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and variance of all parts, weighted by their n, in double precision."""
    n, centre, first, second = np.moveaxis(
        parts.astype("float64").reshape(-1, *parts.shape[-2:]), 1, 0
    )
    total = n.sum(axis=0)
    if not total.all():
        raise ValueError(f"Layer {name!r} has no unmasked position.")
    means = centre + first
    mean = (n * means).sum(axis=0) / total
    within = second - n * first**2
    return mean, (within + n * (means - mean) ** 2).sum(axis=0) / total
