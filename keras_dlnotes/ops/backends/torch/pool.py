"""PyTorch's kernels for `pool`, which it differentiates by itself.

They take channels first. A channels-last tensor with its channels moved to the front has what
PyTorch calls the memory format "channels last", for which it has kernels: nothing is copied.
"""

import math

import torch

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.torch.padding import divide_padding
from keras_dlnotes.ops.dtypes import wide
from keras_dlnotes.ops.padding import pad
from keras_dlnotes.ops.windows import Window


def max_pool(inputs, *, window: Window):
    """The maximum; on ties PyTorch, too, gives the gradient to the first."""
    if not inputs.is_floating_point():
        return NotImplemented
    overlap = any(s < k for s, k in zip(window.strides, window.size, strict=True))
    # the backward pass sums the gradients of overlapping windows in the inputs' type
    inputs_wide = inputs.to(getattr(torch, wide(inputs.dtype))) if overlap else inputs
    outputs = _pool("max", inputs_wide, window.resolved(inputs.shape), fill=-math.inf)
    return outputs.to(inputs.dtype)


def average_pool(inputs, *, window: Window, count_include_pad: bool, dtype: str):
    """The mean; without padding, if need be as the mean with padding over the unpadded share."""
    counted, window = window._replace(ceil=False), window.resolved(inputs.shape)
    inputs = inputs.to(getattr(torch, wide(dtype)))  # the backward pass sums in the inputs' type
    if count_include_pad and (pads := counted.resolved(inputs.shape).pads) != window.pads:
        inputs, count_include_pad = pad(inputs, pads, window.axes), False
        behind = (more - after for (_, more), (_, after) in zip(window.pads, pads, strict=True))
        window = window._replace(padding=tuple((0, more) for more in behind))
    is_symmetric = all(before == after for before, after in window.pads)
    if count_include_pad or (is_symmetric and not any(_short_axes(inputs, window))):
        means = _pool("avg", inputs, window, count_include_pad=count_include_pad)
    else:
        means, shares = (
            _pool("avg", entry, window, count_include_pad=True)
            for entry in (inputs, torch.ones_like(inputs[:1]))
        )
        means = means / shares
    return means.to(getattr(torch, dtype))


def _pool(kind: str, inputs, window: Window, fill=0.0, **settings):
    # the kernels pad by no more than half a window, and that of volumes not every short axis
    short = _short_axes(inputs, window)
    most = [0 if is_short else k // 2 for is_short, k in zip(short, window.size, strict=True)]
    common, rest = divide_padding(window, most=most)
    padded = pad(inputs, rest.pads, window.axes, fill)
    data_format, along = windows.along_all_axes(
        len(inputs.shape) - 2, window.axes, (window.size, 1), (window.strides, 1), (common, 0)
    )
    channels = 1 if data_format == "channels_first" else -1
    function = getattr(torch.nn.functional, f"{kind}_pool{len(along[0])}d")
    return function(padded.movedim(channels, 1), *along, **settings).movedim(1, channels)


def _short_axes(inputs, window: Window) -> list[bool]:
    """Along which axes a window is longer than the image before it is padded."""
    return [inputs.shape[axis] < k for axis, k in zip(window.axes, window.size, strict=True)]
