"""Arguments of unpooling: indices into an image, counted along its rows, and the image's size.

An index outside its image must not write into another one. It raises where its value is known;
where a compiled program cannot raise, the values become NaN.
"""

import math

import keras
import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error, integers, is_integer
from keras_dlnotes.ops.backends import current
from keras_dlnotes.ops.dtypes import is_floating, real
from keras_dlnotes.ops.exporting import LITERT, ONNX, is_exporting
from keras_dlnotes.ops.windows import spatial_axes


def index_tensor(indices):
    """Returns the indices as a tensor of signed integers, or raises for any other type."""
    check_int32_range(indices)
    indices = real("indices", indices)
    dtype = keras.backend.standardize_dtype(indices.dtype)
    if is_floating(dtype) or dtype == "bool":
        raise argument_error("indices", "a tensor of integers", f"one of type {dtype}")
    return ops.cast(indices, "int64" if dtype in ("int64", "uint32", "uint64") else "int32")


def check_int32_range(indices) -> None:
    """Raises for an index in an array that int32 cannot hold, before a framework truncates it."""
    if not isinstance(indices, np.ndarray) or indices.dtype.kind not in "iu":
        return
    outside = (indices < 0) | (indices > np.iinfo("int32").max)
    if outside.any():
        index = int(indices[outside][0])
        raise argument_error("indices", "in [0, n), the positions of an image", index)


def ensure_inside(values, indices, lengths):
    """Returns values and int32 indices, channels last, or raises for an index outside the image.

    Args:
        values: floating-point tensor (batch, lengths…, channels).
        indices: integer tensor of the same shape.
        lengths: of the image that the indices refer to; tensors where they are open.

    Returns:
        (values, indices), all indices inside: where one was not and nothing could raise, all values
        of its image and channel are NaN.
    """
    if is_exporting((*ONNX, *LITERT)):  # whose runtimes know no such checks
        return values, ops.cast(indices, "int32")
    count = math.prod(lengths)
    outside = ops.logical_or(indices < 0, indices >= ops.cast(count, indices.dtype))
    framework = current.framework()
    is_any_outside = framework.known_value(ops.any(outside))
    if is_any_outside:
        index = ops.convert_to_numpy(indices)[ops.convert_to_numpy(outside)][0]
        raise argument_error(
            "indices",
            f"in [0, {int(count)}), the positions of an image of {tuple(map(int, lengths))}",
            int(index),
            "Where pooling cut the image off, pass its size as `output_size`.",
        )
    if is_any_outside is None:
        if framework.asserts_in_graphs:
            sentence = (
                "Argument `indices` must be in [0, n), the positions of an image. n and the least "
                "and the greatest index:"
            )
            found = count, ops.min(indices), ops.max(indices)
            inside = ops.logical_not(ops.any(outside))
            assert_values = current.module("assertions").assert_values
            indices = assert_values(indices, inside, sentence, *found)
        axes = tuple(range(1, len(lengths) + 1))
        spoilt = ops.any(outside, axis=axes, keepdims=True)
        values = ops.where(spoilt, ops.cast(math.nan, values.dtype), values)
        indices = ops.where(outside, ops.zeros_like(indices), indices)
    return values, ops.cast(indices, "int32")


def requested_lengths(output_size, rank: int, data_format: str) -> tuple | None:
    """Returns the lengths of an image, each an int, or a tensor where it is open.

    Args:
        output_size: one length for all axes, or one for each, some or all of which may be tensors;
            a tensor of all of them; or the image. None gives None.
        rank: number of axes.
        data_format: the image's layout.
    """
    if output_size is None:
        return None
    if is_integer(output_size):
        return integers("output_size", output_size, rank, minimum=1)
    if len(getattr(output_size, "shape", ())) == rank + 2:
        shape = ops.shape(output_size)
        return tuple(shape[axis] for axis in spatial_axes(rank, data_format))
    if isinstance(output_size, list | tuple):
        entries = output_size
    elif tuple(getattr(output_size, "shape", ())) == (rank,):
        entries = [output_size[axis] for axis in range(rank)]
    else:
        entries = []
    lengths = tuple(_length(length) for length in entries)
    if len(lengths) != rank or None in lengths:
        hint = ""
        if isinstance(output_size, list | tuple) and None in output_size:
            hint = "Where a model leaves the size open, pass the image itself."
        expected = f"an integer ≥ 1 or {rank} of them, a tensor of them, or the image"
        raise argument_error("output_size", expected, output_size, hint)
    return lengths


def _length(value):
    """A length as an int where it is known, else as a tensor; None for anything else."""
    if is_integer(value):
        return int(value) if value >= 1 else None
    if not hasattr(value, "dtype") or tuple(value.shape):
        return None
    if "int" not in keras.backend.standardize_dtype(value.dtype):
        return None
    if isinstance(value, keras.KerasTensor):
        return value
    if isinstance(value, np.ndarray):
        return _length(value.item())
    framework = current.framework()
    found = framework.known_value(value)
    if found is None and framework.needs_known_lengths:
        hint = "Pass the image itself."
        raise argument_error("output_size", "known when JAX compiles", value, hint)
    if found is None:
        return value
    return int(found) if found >= 1 else None
