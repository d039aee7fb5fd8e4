"""Slow, literal references: the formulas of the notes as loops over single numbers.

Arrays are channels last; padding is one (before, after) pair for each axis.
"""

import itertools
from collections import Counter

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


def padding_of_word(word, lengths, size, strides, dilation):
    """The (before, after) pairs of a word of Keras: "same" gives ⌈m/s⌉ windows."""
    pairs = []
    for m, k, s, d in zip(lengths, size, strides, dilation, strict=True):
        span = d * (k - 1)
        needed = max((-(-m // s) - 1) * s + span + 1 - m, 0)
        same = needed // 2, needed - needed // 2
        pairs.append({"valid": (0, 0), "causal": (span, 0), "same": same}[word])
    return tuple(pairs)


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


def depthwise_separable(image, kernels, mixing):
    """Each channel by a k×k kernel of its own, then a 1×1 convolution; both are counted.

    image (height, width, M), kernels (k, k, M), mixing (M, N) → the N maps, and the multiplications
    of the first step and of the second.
    """
    k, _, channels = kernels.shape
    height, width = (length - k + 1 for length in image.shape[:2])
    filtered, depthwise = np.zeros((height, width, channels)), 0
    for i, j, c in np.ndindex(filtered.shape):
        for m, n in np.ndindex(k, k):
            filtered[i, j, c] += image[i + m, j + n, c] * kernels[m, n, c]
            depthwise += 1
    maps, pointwise = np.zeros((height, width, mixing.shape[1])), 0
    for i, j, out in np.ndindex(maps.shape):
        for c in range(channels):
            maps[i, j, out] += filtered[i, j, c] * mixing[c, out]
            pointwise += 1
    return maps, depthwise, pointwise


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


def unpool(values, positions, lengths):
    """y[position] = the value that stood there, 0 where none did."""
    batch, *_, channels = values.shape
    result = np.zeros((batch, int(np.prod(lengths)), channels))
    for place in np.ndindex(values.shape):
        result[place[0], positions[place], place[-1]] = values[place]
    return result.reshape(batch, *lengths, channels)


def batch_statistics(z, mask=None):
    """μ and σ² of each feature, over all that the mask does not leave out."""
    columns = z.reshape(int(np.prod(z.shape[:-1])), z.shape[-1])
    kept = np.ones(columns.shape, bool) if mask is None else mask.reshape(columns.shape)
    means, variances = [], []
    for column, use in zip(columns.T, kept.T, strict=True):
        values = [value for value, used in zip(column, use, strict=True) if used]
        mean = sum(values) / max(len(values), 1)
        means.append(mean)
        variances.append(sum((value - mean) ** 2 for value in values) / max(len(values), 1))
    return np.array(means), np.array(variances)


def recurrence(step, x, states, mask=None, zero_output_for_mask=False):
    """h_t, c_t … = step(x_t, h_{t−1}, c_{t−1} …), row by row and step by step, as in Keras.

    Returns the outputs (batch, time, units) and the last states, each (batch, units).
    """
    rows = []
    for row, sequence in enumerate(x):
        state, output, outputs = [s[row] for s in states], np.zeros_like(states[0][row]), []
        for t, x_t in enumerate(sequence):
            if mask is None or mask[row, t]:
                state = step(x_t, *state)
                output = state[0]
            elif zero_output_for_mask:
                output = np.zeros_like(output)
            outputs.append(output)
        rows.append((np.array(outputs), state))
    last = [np.reshape([state[n] for _, state in rows], s.shape) for n, s in enumerate(states)]
    return np.reshape([outputs for outputs, _ in rows], (*x.shape[:2], states[0].shape[1])), last


def simple_rnn_step(kernel, recurrent_kernel, bias):
    """h_t = φ(x_t W_xh + h_{t−1} W_hh + b_h)."""
    return lambda x, h: [np.tanh(x @ kernel + h @ recurrent_kernel + bias)]


def lstm_step(kernel, recurrent_kernel, bias, coupled=False, delayed=False):
    """The notes' LSTM; blocks i f c o, or i c o where f = 1 − i."""
    names = "ico" if coupled else "ifco"
    w, u, b = (
        dict(zip(names, np.split(weights, len(names), axis=-1), strict=True))
        for weights in (kernel, recurrent_kernel, bias)
    )

    def step(x, h, c, o_before=None):
        def gate(name):
            return sigmoid(x @ w[name] + h @ u[name] + b[name])

        i, o = gate("i"), gate("o")
        f = 1 - i if coupled else gate("f")
        candidate = np.tanh(x @ w["c"] + h @ u["c"] + b["c"])
        c = candidate * i + c * f
        return [np.tanh(c) * o_before, c, o] if delayed else [np.tanh(c) * o, c]

    return step


def gru_step(kernel, recurrent_kernel, bias, reset_after=False):
    """The notes' GRU with i = 1 − z and o = r; blocks z r h."""
    (w_z, w_r, w_h), (u_z, u_r, u_h) = (np.split(k, 3, axis=1) for k in (kernel, recurrent_kernel))
    b, b_hidden = bias if reset_after else (bias, np.zeros_like(bias))
    (b_z, b_r, b_h), (c_z, c_r, c_h) = np.split(b, 3), np.split(b_hidden, 3)

    def step(x, h):
        o = sigmoid(x @ w_r + h @ u_r + b_r + c_r)
        i = 1 - sigmoid(x @ w_z + h @ u_z + b_z + c_z)
        read = o * (h @ u_h + c_h) if reset_after else (h * o) @ u_h
        candidate = np.tanh(x @ w_h + read + b_h)
        return [candidate * i + h * (1 - i)]

    return step


def byte_pair_merges(pieces, count):
    """The pairs of neighbours that become tokens, the most frequent one of each round.

    Of equally frequent pairs the one of older tokens wins: characters by their code, then tokens in
    the order in which they were made.
    """
    words = [list(piece) for piece in pieces]
    age = {
        token: number for number, token in enumerate(sorted({c for word in words for c in word}))
    }
    merges = []
    while len(merges) < count:
        pairs = Counter(pair for word in words for pair in itertools.pairwise(word))
        if not pairs or max(pairs.values()) < 2:
            break
        first, second = min(pairs, key=lambda pair: (-pairs[pair], age[pair[0]], age[pair[1]]))
        merges.append((first, second, pairs[first, second]))
        age.setdefault(first + second, len(age))
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == (first, second):
                    word[place : place + 2] = [first + second]
                place += 1
    return merges, words


def sigmoid(a):
    """σ(a) = 1/(1 + e^{−a})."""
    return 1 / (1 + np.exp(-a))
