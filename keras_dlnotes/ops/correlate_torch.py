"""PyTorch's kernels for `correlate`: channels first, one padding for both sides of an axis."""

import torch

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    window, settings = _divide_padding(window)
    padded = windows.pad(inputs, window.padding, window.axes)
    function = getattr(torch.nn.functional, f"conv{len(window.size)}d")
    groups = inputs.shape[-1] // kernel.shape[-2]
    outputs = function(padded.movedim(-1, 1), _out_in(kernel), **settings, groups=groups)
    return outputs.movedim(1, -1)


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    window, settings = _divide_padding(window)
    batch, *lengths, channels = windows.padded_shape(shape, window)
    function = getattr(torch.nn.grad, f"conv{len(window.size)}d_input")
    whole = function(
        (batch, channels, *lengths),
        _out_in(kernel),
        upstream.movedim(-1, 1),
        **settings,
        groups=channels // kernel.shape[-2],
    )
    return windows.crop(whole.movedim(1, -1), window.padding, window.axes, shape)


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    window, settings = _divide_padding(window)
    padded = windows.pad(inputs, window.padding, window.axes)
    *size, narrow, out = kernel_shape
    function = getattr(torch.nn.grad, f"conv{len(window.size)}d_weight")
    kernel = function(
        padded.movedim(-1, 1),
        (out, narrow, *size),
        upstream.movedim(-1, 1),
        **settings,
        groups=inputs.shape[-1] // narrow,
    )
    return kernel.movedim(1, -1).movedim(0, -1)


def _divide_padding(window: Window):
    """What torch pads by itself, and a window that keeps only what the two sides differ by."""
    common = tuple(min(pair) for pair in window.padding)
    rest = tuple(
        (before - both, after - both)
        for (before, after), both in zip(window.padding, common, strict=True)
    )
    settings = {"stride": window.strides, "padding": common, "dilation": window.dilation}
    return window._replace(padding=rest), settings


def _out_in(kernel):
    """(k, …, in, out) → (out, in, k, …)."""
    return kernel.movedim(-1, 0).movedim(-1, 1)
