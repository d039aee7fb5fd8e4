"""Arguments of convolutions, checked before anything is computed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from keras_dlnotes.common.checks import LARGEST, argument_error, integer, integers
from keras_dlnotes.ops import dtypes, windows
from keras_dlnotes.ops.window_padding import standardize_padding
from keras_dlnotes.ops.windows import Window

_LARGEST_TENSOR = 2**36  # numbers: 256 GiB of float32


def conv_window(
    kernel_size, strides, padding, dilation_rate, rank: int, name: str = "kernel_size"
) -> Window:
    """Returns the window of a convolution on channels-last tensors, its arguments checked.

    `name` is what the caller calls the kernel's size, for the error.
    """
    sides = standardize_padding(padding, rank, conv_words(rank))
    if not isinstance(sides, str) and max(map(max, sides)) > LARGEST:
        raise argument_error("padding", f"at most {LARGEST} on a side", padding)
    return Window(
        _counts(name, kernel_size, rank),
        _counts("strides", strides, rank),
        sides,
        _counts("dilation_rate", dilation_rate, rank),
        windows.spatial_axes(rank, "channels_last"),
    )


def conv_words(rank: int) -> tuple[str, ...]:
    """Returns the words for padding that a convolution accepts, Keras's own."""
    return ("valid", "same", "causal") if rank == 1 else ("valid", "same")


def operands(inputs, kernel, data_format: str, channels: str) -> tuple[Any, Any, tuple[int, ...]]:
    """Returns the inputs and the kernel in the type they are computed in, and its lengths.

    `channels` describes the rest of the kernel's shape, for the error.
    """
    inputs, kernel = dtypes.floating(inputs=inputs, kernel=kernel)
    shape = _known_shape("kernel", kernel)
    some = 3 <= len(shape) <= 5
    if some:
        found = _known_shape("inputs", inputs)
        if len(found) != len(shape):
            raise argument_error("inputs", f"of rank {len(shape)}, as the kernel", found)
        check_channels(found, data_format)
    if not some or not all(isinstance(n, int) and n >= 1 for n in shape):
        expected = f"of shape (k, …, {channels}) with 1 to 3 lengths k, none of it 0 or unknown"
        raise argument_error("kernel", expected, shape)
    return inputs, kernel, shape[:-2]


def check_channels(shape: Sequence[int | None], data_format: str) -> None:
    """Raises where inputs of this shape have no channels, or an unknown number of them."""
    if not shape[-1 if data_format == "channels_last" else 1]:
        raise argument_error("inputs", "of a known number of channels ≥ 1", tuple(shape))


def check_input_shape(shape: Any, rank: int) -> None:
    """Raises unless this can be the shape of a batch with `rank` spatial axes, in any layout."""
    entries = tuple(shape) if hasattr(shape, "__iter__") else ()
    not_lengths = str | bytes | float | Sequence | Mapping
    if len(entries) != rank + 2 or any(
        isinstance(n, not_lengths) or (isinstance(n, int) and n < 0) for n in entries
    ):
        raise argument_error("input_shape", f"{rank + 2} lengths, None where unknown", shape)


def count(name: str, value) -> int:
    """Returns a number of channels, filters or groups, checked."""
    return integer(name, integer(name, value, minimum=1), maximum=LARGEST)


def biases(bias, channels: int, dtype) -> list:
    """Returns the bias as a list of tensors for the op to take after the kernel: one or none."""
    if bias is None:
        return []
    bias = dtypes.real("bias", bias)
    if _known_shape("bias", bias) != (channels,):
        raise argument_error("bias", f"of shape {(channels,)}", tuple(bias.shape))
    return [ops.cast(bias, dtype)]


def check_padded(shape: Sequence[Any], window: Window) -> None:
    """Raises where the padded input, as far as it is known, would fit into no memory."""
    if window.padding == "valid":
        return
    static = [n if isinstance(n, int) else 1 for n in shape]
    padded = windows.padded_shape(static, window.resolved(static))
    if isinstance(window.padding, str):
        check_tensor_size("dilation_rate", padded, window.dilation)
    check_tensor_size("padding", padded, window.padding)


def check_tensor_size(name: str, shape: Sequence[Any], value) -> None:
    """Raises where an argument asks for a tensor that no memory would hold."""
    if math.prod(max(n, 1) for n in shape if isinstance(n, int)) > _LARGEST_TENSOR:
        expected = f"such that no tensor is as large as one of shape {tuple(shape)}"
        raise argument_error(name, expected, value)


def _counts(name: str, value, rank: int) -> tuple[int, ...]:
    return integers(name, integers(name, value, rank, minimum=1), rank, maximum=LARGEST)


def _known_shape(name: str, tensor) -> tuple:
    try:
        return tuple(tensor.shape)
    except ValueError as error:  # TensorFlow has tensors of unknown rank
        raise argument_error(name, "of a known rank", tensor) from error
