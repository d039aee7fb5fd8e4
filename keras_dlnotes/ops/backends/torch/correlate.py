"""PyTorch's kernels for `correlate`: channels first, one padding for both sides of an axis.

A channels-last tensor with its channels moved to the front has what PyTorch calls the memory format
"channels last": its kernels take it without a copy. PyTorch differentiates all three.
"""

import torch

from keras_dlnotes.ops import windows
from keras_dlnotes.ops.backends.torch.padding import divide_padding
from keras_dlnotes.ops.padding import crop, pad
from keras_dlnotes.ops.windows import Window


def correlate(inputs, kernel, window: Window):
    settings, rest = _divided(window)
    if 0 in inputs.shape[1:-1]:  # the kernels refuse an empty image, however they are to pad it
        settings, rest = {**settings, "padding": 0}, window
    padded = pad(inputs, rest.pads, rest.axes)
    function = getattr(torch.nn.functional, f"conv{len(window.size)}d")
    groups = int(inputs.shape[-1] // kernel.shape[-2])
    tensors = _summed_exactly(_channels_first(padded), _out_in(kernel))
    outputs = function(*tensors, **settings, groups=groups)
    return _channels_last(outputs).to(inputs.dtype)


def adjoint_in_inputs(upstream, kernel, window: Window, shape):
    settings, window = _divided(window)
    *lengths, channels = windows.padded_shape(shape, window)[1:]
    # what the stride leaves at the end, which no window sees
    rest = [
        length - ((m - 1) * s - 2 * p + d * (k - 1) + 1)
        for length, m, k, s, p, d in zip(
            lengths, upstream.shape[1:-1], window.size, *settings.values(), strict=True
        )
    ]
    function = getattr(torch.nn.functional, f"conv_transpose{len(window.size)}d")
    whole = function(
        *_summed_exactly(_channels_first(upstream), _out_in(kernel)),
        **settings,
        output_padding=rest,
        groups=int(channels // kernel.shape[-2]),
    )
    return crop(_channels_last(whole).to(upstream.dtype), window.pads, window.axes, shape)


def adjoint_in_kernel(inputs, upstream, window: Window, kernel_shape):
    settings, window = _divided(window)
    padded = pad(inputs, window.pads, window.axes)
    *size, narrow, out = kernel_shape
    function = getattr(torch.nn.grad, f"conv{len(window.size)}d_weight")
    first, last = _summed_exactly(_channels_first(padded), _channels_first(upstream))
    groups = inputs.shape[-1] // narrow
    kernel = function(first, (out, narrow, *size), last, **settings, groups=groups)
    return kernel.to(inputs.dtype).permute(*range(2, len(size) + 2), 1, 0)


def _summed_exactly(*tensors):
    """The tensors, in single precision where PyTorch would round the sums of halves on the way.

    It does so on processors without AVX-512, for which oneDNN has no kernels of halves.
    """
    is_half = any(tensor.dtype in (torch.bfloat16, torch.float16) for tensor in tensors)
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    if is_half and on_cpu and "AVX512" not in torch.backends.cpu.get_cpu_capability():
        return tuple(tensor.float() for tensor in tensors)
    return tensors


def _divided(window: Window):
    """The kernel's settings, and a window with the padding that they cannot express."""
    common, rest = divide_padding(window)
    return {"stride": window.strides, "padding": common, "dilation": window.dilation}, rest


def _out_in(kernel):
    """(k, …, in, out) → (out, in, k, …)."""
    rank = len(kernel.shape)
    return kernel.permute(rank - 1, rank - 2, *range(rank - 2))


# by axes counted from the front, the only ones that PyTorch's ONNX exporter knows
def _channels_first(x):
    rank = len(x.shape)
    return x.permute(0, rank - 1, *range(1, rank - 1))


def _channels_last(x):
    return x.permute(0, *range(2, len(x.shape)), 1)
