"""Convolutions in two steps: what they save, and which kernels allow it.

Depthwise-separable: each channel is convolved with filters of its own, then a 1×1 convolution mixes
the channels. For N outputs this takes D_k²·M·D_p² + M·D_p²·N multiplications instead of
D_k²·M·D_p²·N: a fraction of 1/N + 1/D_k².

Spatially separable: a k×1 kernel, then a 1×k kernel, instead of their product K = column rowᵀ. The
best such pair for any K comes from its singular value decomposition K = Σ σ_i u_i v_iᵀ: it is
σ_1 u_1 v_1ᵀ, with an error of √(Σ_{i>1} σ_i²).
"""

import numpy as np
from keras import ops

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.ops import dtypes, windows
from keras_dlnotes.ops.conv import conv
from keras_dlnotes.ops.conv_arguments import operands


def depthwise_conv(
    inputs,
    kernel,
    bias=None,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
    *,
    padding_mode="zeros",
):
    """Returns the convolution of each channel with filters of its own, plus bias.

    S(i, j, c·n + l) = Σ_m Σ_n I(i·s + m·d − p, j·s + n·d − p, c) K(m, n, c, l) + b for the n
    filters l of channel c: a convolution with as many groups as channels.

    Args:
        inputs: tensor (batch, lengths…, channels) of 1 to 3 spatial axes, or channels first.
        kernel: tensor (k, …, channels, filters per channel).
        bias: None or a tensor (channels · filters per channel,).
        strides: int s ≥ 1, or one for each axis.
        padding: "valid", "same", "causal" (1-D), int p ≥ 0, (p, …) or ((before, after), …).
        data_format: "channels_last", "channels_first" or None, Keras's default.
        dilation_rate: spacing d ≥ 1 of the kernel's elements, or one for each axis.
        padding_mode: "zeros", "reflect", "replicate" or "circular", as in `conv`.

    Returns:
        Tensor of the inputs' layout with channels · filters per channel, those of one channel
        adjacent.

    Raises:
        ValueError: for an argument out of range, a kernel longer than the padded input, or one with
            other channels.

    Reference:
        Lecture notes, "Depthwise-separable Convolution".

    Example:

    >>> image, kernel = np.ones((1, 12, 12, 3)), np.ones((5, 5, 3, 1))
    >>> tuple(depthwise_conv(image, kernel).shape)
    (1, 8, 8, 3)
    """
    data_format = windows.standardize_data_format(data_format)
    names = "channels, filters per channel"
    inputs, kernel, size = operands(inputs, kernel, data_format, names)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    if kernel.shape[-2] != channels:
        expected = f"(…, channels, filters per channel) for {channels} channels"
        raise argument_error("kernel", expected, tuple(kernel.shape))
    grouped = ops.reshape(kernel, (*size, 1, channels * kernel.shape[-1]))
    geometry = strides, padding, data_format, dilation_rate
    return conv(inputs, grouped, bias, *geometry, padding_mode=padding_mode)


def separate_kernel(kernel) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the column and the row whose product is closest to a kernel, and its relative error.

    K ≈ column rowᵀ, residual = ‖K − column rowᵀ‖ / ‖K‖ in the Frobenius norm: 0 for a kernel that
    is spatially separable, such as Sobel's.

    Args:
        kernel: (k_h, k_w) numbers, an array or a tensor.

    Returns:
        (column, row, residual): float64 arrays (k_h,) and (k_w,) of equal norm, where the column's
        sum is not negative; a float in [0, 1).

    Raises:
        ValueError: for a kernel that is not a matrix of finite numbers.

    Reference:
        Lecture notes, "Spatial Separable Convolutions", "Sobel Kernel"; for the best approximation,
        C. Eckart and G. Young, "The approximation of one matrix by another of lower rank", 1936.

    Example:

    >>> column, row, residual = separate_kernel([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    >>> (column / column[0]).round().astype(int).tolist()
    [1, 2, 1]
    >>> (row / row[2]).round().astype(int).tolist()
    [-1, 0, 1]
    >>> residual < 1e-12
    True
    """
    dtypes.real("kernel", kernel)
    matrix = np.asarray(ops.convert_to_numpy(kernel), "float64")
    if matrix.ndim != 2 or not matrix.size:
        raise argument_error("kernel", "a matrix (k_h, k_w)", matrix.shape)
    columns, rows, residual = low_rank(matrix, 1)
    column, row = columns[:, 0], rows[0]
    sign = -1.0 if column.sum() < 0 else 1.0
    return sign * column, sign * row, residual


def low_rank(matrix: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns the best approximation `left @ right` of this rank, and its relative error.

    Each side takes √σ of every singular value; where the matrix has fewer of them than `rank`, the
    rest is 0.
    """
    if not np.isfinite(matrix).all():
        raise argument_error("kernel", "of finite numbers", "NaN or infinity")
    u, sigma, v = np.linalg.svd(matrix, full_matrices=False)
    kept = min(rank, len(sigma))
    root = np.sqrt(sigma[:kept])
    left, right = np.zeros((len(u), rank)), np.zeros((rank, v.shape[1]))
    left[:, :kept], right[:kept] = u[:, :kept] * root, root[:, None] * v[:kept]
    norm = np.linalg.norm(sigma)
    residual = float(np.linalg.norm(sigma[kept:]) / norm) if norm else 0.0
    return left, right, residual
