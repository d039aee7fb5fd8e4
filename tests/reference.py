"""Slow, literal references: the formulas of the notes as loops over single numbers.

Arrays are channels last; padding is one (before, after) pair for each axis.
"""

import itertools

import numpy as np


def places(shape, size, strides, padding, dilation):
    """The number of windows along each axis, by counting them."""
    counts = []
    for m, k, s, (before, after), d in zip(shape, size, strides, padding, dilation, strict=True):
        starts = range(0, m + before + after, s)
        counts.append(sum(start + d * (k - 1) < m + before + after for start in starts))
    return tuple(counts)


def windows(lengths, size, strides, padding, dilation):
    """Yields, for each window, its place and its (tap, position) pairs that are no padding."""
    for place in itertools.product(*map(range, places(lengths, size, strides, padding, dilation))):
        seen = []
        for tap in itertools.product(*map(range, size)):
            position = tuple(
                i * s + u * d - before
                for i, s, u, d, (before, _) in zip(
                    place, strides, tap, dilation, padding, strict=True
                )
            )
            if all(0 <= j < m for j, m in zip(position, lengths, strict=True)):
                seen.append((tap, position))
        yield place, seen


def convolve(image, kernel, strides, padding, dilation, groups=1):
    """S(i, j) = Σ_m Σ_n I(i·s + m·d − p, j·s + n·d − p) K(m, n)."""
    *size, narrow, filters = kernel.shape
    batch, *lengths, _ = image.shape
    result = np.zeros((batch, *places(lengths, size, strides, padding, dilation), filters))
    for place, seen in windows(lengths, size, strides, padding, dilation):
        for tap, position in seen:
            for out in range(filters):
                group = out // (filters // groups)
                channels = slice(group * narrow, (group + 1) * narrow)
                result[(slice(None), *place, out)] += (
                    image[(slice(None), *position, channels)] @ kernel[(*tap, slice(None), out)]
                )
    return result


def max_pool(image, size, strides, padding):
    """y = the maximum of each window."""
    return _pool(image, size, strides, padding, lambda values: max(values))


def average_pool(image, size, strides, padding, count_include_pad=False):
    """y = the mean of each window."""
    count = int(np.prod(size))
    return _pool(
        image,
        size,
        strides,
        padding,
        lambda values: sum(values) / (count if count_include_pad else len(values)),
    )


def _pool(image, size, strides, padding, summary):
    batch, *lengths, channels = image.shape
    ones = (1,) * len(size)
    result = np.zeros((batch, *places(lengths, size, strides, padding, ones), channels))
    for place, seen in windows(lengths, size, strides, padding, ones):
        for b, c in itertools.product(range(batch), range(channels)):
            values = [image[(b, *position, c)] for _, position in seen]
            result[(b, *place, c)] = summary(values)
    return result


def max_pool_gradient(image, upstream, size, strides, padding):
    """∂E/∂x: each window's D goes to the first position that holds its maximum."""
    batch, *lengths, channels = image.shape
    result = np.zeros(image.shape)
    for place, seen in windows(lengths, size, strides, padding, (1,) * len(size)):
        for b, c in itertools.product(range(batch), range(channels)):
            values = [image[(b, *position, c)] for _, position in seen]
            winner = seen[values.index(max(values))][1]
            result[(b, *winner, c)] += upstream[(b, *place, c)]
    return result


def transpose_convolve(image, kernel, strides, padding, dilation, lengths):
    """y(j) = Σ x(i) K(u)ᵀ over all i, u with i·s + u·d − p = j, for outputs of these lengths."""
    *size, filters, _ = kernel.shape
    batch, *small, _ = image.shape
    result = np.zeros((batch, *lengths, filters))
    for place in itertools.product(*map(range, small)):
        for tap in itertools.product(*map(range, size)):
            position = tuple(
                i * s + u * d - before
                for i, s, u, d, (before, _) in zip(
                    place, strides, tap, dilation, padding, strict=True
                )
            )
            if all(0 <= j < m for j, m in zip(position, lengths, strict=True)):
                result[(slice(None), *position)] += image[(slice(None), *place)] @ kernel[tap].T
    return result


def max_pool_indices(image, size, strides, padding):
    """The flat position of the first maximum of each window."""
    batch, *lengths, channels = image.shape
    ones = (1,) * len(size)
    result = np.zeros((batch, *places(lengths, size, strides, padding, ones), channels), int)
    for place, seen in windows(lengths, size, strides, padding, ones):
        for b, c in itertools.product(range(batch), range(channels)):
            values = [image[(b, *position, c)] for _, position in seen]
            winner = seen[values.index(max(values))][1]
            result[(b, *place, c)] = np.ravel_multi_index(winner, lengths)
    return result
