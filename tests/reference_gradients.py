"""Slow, literal backward passes: the derivations of the notes as loops, in the notes' letters.

Images are channels last, as in `tests/reference.py`; sequences are one at a time, (time, features).
The weights of a recurrent network are a mapping from the notes' letters, as of `lstm_letters`.
"""

import numpy as np

from tests.reference import sigmoid, windows

GATES = {  # what a gate's sum is made of: h_{t−1} W + x_t W_x + b
    "o": ("W_a", "W_ax", "b_a"),
    "i": ("W_m", "W_mx", "b_m"),
    "f": ("W_f", "W_fx", "b_f"),
    "c": ("W_hh", "W_xh", "b_h"),
}


def convolution_gradients(image, kernel, upstream, strides, padding):
    """∂E/∂I and ∂E/∂K: for each product I·K of S(i, j), D·K goes to I and D·I to K."""
    d_image, d_kernel = np.zeros(image.shape), np.zeros(kernel.shape)
    *size, _, _ = kernel.shape
    ones = (1,) * len(size)
    for place, seen in windows(image.shape[1:-1], size, strides, padding, ones):
        d = upstream[(slice(None), *place)]
        for tap, position in seen:
            d_image[(slice(None), *position)] += d @ kernel[tap].T
            d_kernel[tap] += image[(slice(None), *position)].T @ d
    return d_image, d_kernel


def batch_normalization_gradients(z, gamma, upstream, epsilon):
    """∂E/∂z, ∂E/∂scale, ∂E/∂shift for the values z of a feature: the three paths, line by line."""
    n = len(z)
    mean = sum(z) / n
    variance = sum((z_i - mean) ** 2 for z_i in z) / n
    r = 1 / np.sqrt(variance + epsilon)
    normalized = [(z_i - mean) * r for z_i in z]

    d_shift = sum(upstream)
    d_scale = sum(d * hat for d, hat in zip(upstream, normalized, strict=True))
    d_normalized = [gamma * d for d in upstream]
    d_variance = sum(d * (z_i - mean) for d, z_i in zip(d_normalized, z, strict=True)) * -(r**3) / 2
    d_mean = sum(d * -r for d in d_normalized)  # through σ² comes Σ −2(z_i − μ)/n, which is 0
    d_z = [
        d * r + d_variance * 2 * (z_i - mean) / n + d_mean / n
        for d, z_i in zip(d_normalized, z, strict=True)
    ]
    return np.array(d_z), d_scale, d_shift


def rnn_states(x, w):
    """h_0 = 0 and h_t = φ(x_t W_xh + h_{t−1} W_hh + b_h) with φ = tanh."""
    h = [np.zeros(len(w["W_hh"]))]
    for x_t in x:
        h.append(np.tanh(x_t @ w["W_xh"] + h[-1] @ w["W_hh"] + w["b_h"]))
    return h


def rnn_gradient_by_terms(x, w, upstream, first=1):
    """∂L/∂W_hh as the notes' Σ Π, of ∂L_t/∂h_t for each step t; `first` is the notes' τ.

    ∂h_t/∂W_hh = Σ_{i=τ}^{t} ∂φ(a_i)/∂W_hh Π_{j=i+1}^{t} ∂h_j/∂h_{j−1}
    """
    h, total = rnn_states(x, w), np.zeros(w["W_hh"].shape)
    slope = [1 - h_t**2 for h_t in h]  # φ′(a_t)
    for t in range(1, len(x) + 1):
        for i in range(first, t + 1):
            d = upstream[t - 1]
            for j in range(t, i, -1):
                d = (d * slope[j]) @ w["W_hh"].T  # times ∂h_j/∂h_{j−1}
            total += np.outer(h[i - 1], d * slope[i])
    return total


def rnn_gradients(x, w, d_outputs):
    """All gradients from ∂L/∂ŷ_t, where ŷ_t = h_t W_hy + b_o, by one loop back."""
    h, d_after = rnn_states(x, w), 0
    g = {name: np.zeros(np.shape(value)) for name, value in w.items()}
    for t in range(len(x), 0, -1):
        d_y = d_outputs[t - 1]
        g["W_hy"] += np.outer(h[t], d_y)
        g["b_o"] += d_y
        d_h = d_y @ w["W_hy"].T + d_after  # from this step's loss, and from all later ones
        d_a = d_h * (1 - h[t] ** 2)
        g["W_hh"] += np.outer(h[t - 1], d_a)
        g["W_xh"] += np.outer(x[t - 1], d_a)
        g["b_h"] += d_a
        d_after = d_a @ w["W_hh"].T
    return g


def gate(w, name, x_t, h):
    """The sum in front of a gate's σ."""
    of_h, of_x, bias = GATES[name]
    return h @ w[of_h] + x_t @ w[of_x] + w[bias]


def add_gate(g, name, x_t, h, d_a):
    """Adds what ∂L/∂a of one gate and step gives to its weights."""
    of_h, of_x, bias = GATES[name]
    g[of_h] += np.outer(h, d_a)
    g[of_x] += np.outer(x_t, d_a)
    g[bias] += d_a


def lstm_states(x, w):
    """Each step's (h, c, o, i, f, ĉ); step 0 has h = c = 0."""
    zeros = np.zeros(len(w["W_a"]))
    steps = [(zeros, zeros, None, None, None, None)]
    for x_t in x:
        h, c, *_ = steps[-1]
        o, i, f = (sigmoid(gate(w, name, x_t, h)) for name in "oif")
        candidate = np.tanh(gate(w, "c", x_t, h))
        c = candidate * i + c * f
        steps.append((np.tanh(c) * o, c, o, i, f, candidate))
    return steps


def lstm_gradients(x, w, upstream):
    """All gradients from each step's own ∂L_t/∂h_t, by one loop back."""
    steps, d_h_after, d_c_after = lstm_states(x, w), 0, 0
    g = {name: np.zeros(np.shape(value)) for name, value in w.items()}
    for t in range(len(x), 0, -1):
        h_before, c_before, *_ = steps[t - 1]
        _, c, o, i, f, candidate = steps[t]
        d_h = upstream[t - 1] + d_h_after
        d_c = d_h * o * (1 - np.tanh(c) ** 2) + d_c_after
        d_a = {
            "o": d_h * np.tanh(c) * o * (1 - o),
            "i": d_c * candidate * i * (1 - i),
            "f": d_c * c_before * f * (1 - f),
            "c": d_c * i * (1 - candidate**2),
        }
        for name in GATES:
            add_gate(g, name, x[t - 1], h_before, d_a[name])
        d_h_after = sum(d_a[name] @ w[of_h].T for name, (of_h, _, _) in GATES.items())
        d_c_after = d_c * f
    return g


def gru_states(x, w):
    """Each step's (h, o, i, ĥ); step 0 has h = 0."""
    steps = [(np.zeros(len(w["W_a"])), None, None, None)]
    for x_t in x:
        h = steps[-1][0]
        o, i = (sigmoid(gate(w, name, x_t, h)) for name in "oi")
        candidate = np.tanh(gate(w, "c", x_t, h * o))
        steps.append((candidate * i + h * (1 - i), o, i, candidate))
    return steps


def gru_gradients(x, w, upstream):
    """All gradients from each step's own ∂L_t/∂h_t, by one loop back."""
    steps, d_after = gru_states(x, w), 0
    g = {name: np.zeros(np.shape(value)) for name, value in w.items()}
    for t in range(len(x), 0, -1):
        (h_before, *_), (_, o, i, candidate) = steps[t - 1], steps[t]
        d_h = upstream[t - 1] + d_after
        d_a = {
            "i": d_h * (candidate - h_before) * i * (1 - i),
            "c": d_h * i * (1 - candidate**2),
        }
        d_written = d_a["c"] @ w["W_hh"].T  # ∂L/∂(h_{t−1} ⊙ o_t)
        d_a["o"] = d_written * h_before * o * (1 - o)
        for name in "oi":
            add_gate(g, name, x[t - 1], h_before, d_a[name])
        add_gate(g, "c", x[t - 1], h_before * o, d_a["c"])
        d_after = d_h * (1 - i) + d_written * o + d_a["o"] @ w["W_a"].T + d_a["i"] @ w["W_m"].T
    return g


def lstm_letters(kernel, recurrent_kernel, bias):
    """The notes' letters for Keras's weights, whose blocks are i f c o."""
    return _letters("ifco", kernel, recurrent_kernel, bias)


def gru_letters(kernel, recurrent_kernel, bias):
    """The notes' letters for Keras's weights, whose blocks are z r h: o = r, and i = 1 − z."""
    signs = np.repeat([-1.0, 1, 1], recurrent_kernel.shape[0])  # 1 − σ(a) = σ(−a)
    return _letters("ioc", kernel * signs, recurrent_kernel * signs, bias * signs)


def _letters(names, kernel, recurrent_kernel, bias):
    blocks = [np.split(one, len(names), axis=-1) for one in (recurrent_kernel, kernel, bias)]
    return {
        letter: block
        for name, *parts in zip(names, *blocks, strict=True)
        for letter, block in zip(GATES[name], parts, strict=True)
    }
