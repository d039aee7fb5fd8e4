"""Convolutions, pooling, normalization and resizing: what runs on maps, channels last."""

from typing import Any

import keras
import torch
from keras import ops

from keras_dlnotes import layers
from keras_dlnotes.interop.from_torch.conversion import Conversion, Free
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, divide
from keras_dlnotes.ops.padding_modes import pad_by_mode


def channels_last(value: Value, rank: int) -> Value:
    """The value with the dimensions (batch, lengths…, channels); without a batch it gets one."""
    if value.rank == rank + 1:
        value = value.with_axes(((), *value.axes))
    if value.rank != rank + 2:
        raise UnsupportedError(f"a tensor of rank {value.rank} for {rank} spatial axes")
    batch, channels, *lengths = value.axes
    return value.arranged((batch, *lengths, channels))


def _maps(conversion: Conversion, value: Value, tensor) -> Value:
    """A result (batch, lengths…, channels): of the same batch, its other axes fresh."""
    sizes = conversion.sizes()
    batch = value.axes[0] if len(sizes) == value.rank else ()
    kept = sizes[1:] if len(sizes) == value.rank else sizes
    channels, *lengths = conversion.atoms(kept)
    dims = (batch, *lengths, channels)
    axes = (batch, channels, *lengths)[value.rank - len(sizes) :]
    return Value(tensor, dims, axes)


def _entries(value, rank: int) -> tuple[int, ...]:
    entries = tuple(value) if isinstance(value, list | tuple) else (value,)
    return entries * rank if len(entries) == 1 else entries


def owner(conversion: Conversion, weight: Free) -> str:
    """The path of the module that a weight belongs to; `in_proj` for its `in_proj_weight`."""
    if not isinstance(weight, Free):
        return conversion.path
    path, _, name = weight.path.rpartition(".")
    name = name.removesuffix("weight").removesuffix("_")
    return f"{path}.{name}" if name else path


def convolution(rank: int):
    def convert(
        conversion, value, weight, bias=None, stride=1, padding=0, dilation=1, groups=1
    ) -> Value:
        check_free(weight, bias)
        out, _, *size = weight.tensor.shape
        same = padding if isinstance(padding, str) else None
        layer = conversion.layer(
            getattr(layers, f"Conv{rank}D"),
            owner(conversion, weight),
            (weight, bias),
            filters=out,
            kernel_size=tuple(size),
            strides=_entries(stride, rank),
            padding=same or _entries(padding, rank),
            dilation_rate=_entries(dilation, rank),
            groups=groups,
            use_bias=bias is not None,
        )
        return _weighted(conversion, layer, value, weight, bias)

    return convert


def transposed_convolution(rank: int):
    def convert(
        conversion,
        value,
        weight,
        bias=None,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        dilation=1,
    ) -> Value:
        check_free(weight, bias)
        _, out, *size = weight.tensor.shape
        layer = conversion.layer(
            getattr(layers, f"Conv{rank}DTranspose"),
            owner(conversion, weight),
            (weight, bias),
            filters=out * groups,
            kernel_size=tuple(size),
            strides=_entries(stride, rank),
            padding=_entries(padding, rank),
            output_padding=_entries(output_padding, rank),
            dilation_rate=_entries(dilation, rank),
            groups=groups,
            use_bias=bias is not None,
        )
        return _weighted(conversion, layer, value, weight, bias)

    return convert


def check_free(*tensors) -> None:
    if not all(tensor is None or isinstance(tensor, Free) for tensor in tensors):
        raise UnsupportedError("a kernel that is computed")


def _weighted(conversion, layer, value, weight, bias) -> Value:
    rank = layer.rank
    value = channels_last(value, rank)
    tensor = conversion.apply(layer, value.tensor)
    # (out, in, …) → (…, in, out), and of a transposed one (in, out, …) → (…, out, in)
    conversion.place(layer, layer.kernel, weight, (*range(2, rank + 2), 1, 0))
    if bias is not None:
        conversion.place(layer, layer.bias, bias)
    return _maps(conversion, value, tensor)


def pooling(kind: str, rank: int):
    def convert(conversion, value, size, stride=None, padding=0, *rest) -> Value:
        arguments: dict[str, Any] = {"dilation": 1, "ceil_mode": False}
        if kind == "Average":
            arguments = {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}
        arguments |= dict(zip(arguments, rest, strict=False))
        if arguments.pop("divisor_override", None) is not None:
            raise UnsupportedError("divisor_override")
        if any(n != 1 for n in _entries(arguments.pop("dilation", 1), rank)):
            raise UnsupportedError("dilated pooling")
        layer = getattr(layers, f"{kind}Pooling{rank}D")
        value = channels_last(value, rank)
        pool = layer(
            _entries(size, rank),
            _entries(stride, rank) if stride else None,
            _entries(padding, rank),
            name=conversion.name(conversion.path),
            **arguments,
        )
        return _maps(conversion, value, conversion.apply(pool, value.tensor))

    return convert


def adaptive_pooling(kind: str, rank: int):
    def convert(conversion, value, size):
        size = _entries(size, rank)
        value = channels_last(value, rank)
        before = value.shape[-rank:]
        wanted = [m if n is None else n for n, m in zip(size, before, strict=True)]
        if list(wanted) == list(before):
            return [value] if kind == "Max" else value
        name = conversion.name(conversion.path)
        if all(n == 1 for n in wanted):
            pool = getattr(keras.layers, f"Global{kind}Pooling{rank}D")(keepdims=True, name=name)
        elif not all(isinstance(m, int) for m in before):
            raise UnsupportedError("adaptive pooling of any size to more than one position")
        elif all(divide(m, n) for m, n in zip(before, wanted, strict=True)):
            each = tuple(m // n for m, n in zip(before, wanted, strict=True))
            pool = getattr(layers, f"{kind}Pooling{rank}D")(each, name=name)
        else:
            pool = getattr(keras.layers, f"Adaptive{kind}Pooling{rank}D")(tuple(wanted), name=name)
        result = _maps(conversion, value, conversion.apply(pool, value.tensor))
        return [result] if kind == "Max" else result  # PyTorch returns positions, too

    return convert


def pad(conversion, value, widths, mode="constant", fill=None) -> Value:
    """PyTorch counts the axes from the last one; a negative width cuts off."""
    if not all(isinstance(n, int) for n in widths):
        raise UnsupportedError("padding that depends on the size")
    for number, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True)):
        if before or after:
            value = _pad_axis(conversion, value, value.rank - 1 - number, before, after, mode, fill)
    return value


def _pad_axis(conversion, value, number, before, after, mode, fill) -> Value:
    value, place = value.one_dim(number)
    tensor, sides = value.tensor, (max(before, 0), max(after, 0))
    if min(before, after) < 0:
        index = [slice(None)] * len(value.dims)
        index[place] = slice(max(-before, 0), min(after, 0) or None)
        tensor = tensor[tuple(index)]
    if max(sides):
        if mode == "constant":
            all_sides = [(0, 0)] * len(value.dims)
            all_sides[place] = sides
            tensor = ops.pad(tensor, all_sides, constant_values=fill or 0)
        else:
            tensor = pad_by_mode(tensor, (sides,), (place,), mode)
    size = value.shape[number] + before + after
    return conversion.with_length(value, tensor, number, place, size)


def upsample(rank: int, mode: str):
    def convert(conversion, value, size=None, *rest) -> Value:
        align = rest[0] if mode != "nearest" and rest else False
        value = channels_last(value, rank)
        wanted = conversion.sizes()[2:]
        if not all(isinstance(n, int) for n in (*wanted, *value.shape[2:])):
            raise UnsupportedError("resizing of any size")
        factors = rest[-1] if rest and isinstance(rest[-1], list | tuple) else None
        tensor = value.tensor
        for axis in range(rank):
            before, after = value.shape[2 + axis], wanted[axis]
            factor = factors[axis] if factors else None
            tensor = _resized(conversion, tensor, 1 + axis, before, after, mode, align, factor)
        return _maps(conversion, value, tensor)

    return convert


def _resized(conversion, tensor, axis: int, before: int, after: int, mode, align, factor):
    """One axis at a time: repeated, or by a matrix that PyTorch's own resizing fills."""
    if before == after:
        return tensor
    if mode == "nearest" and after % before == 0:
        return ops.repeat(tensor, after // before, axis=axis)
    identity = torch.eye(before)[None]
    options = {} if mode == "nearest" else {"align_corners": align}
    if factor is not None:
        options |= {"scale_factor": factor, "recompute_scale_factor": False}
    else:
        options |= {"size": after}
    if mode == "bicubic":
        raise UnsupportedError("bicubic resizing")
    kind = "nearest" if mode == "nearest" else "linear"
    matrix = torch.nn.functional.interpolate(identity, mode=kind, **options)[0]  # (before, after)
    weights = conversion.value(matrix).tensor
    letters = "abcde"[: len(tensor.shape)]
    changed = letters.replace(letters[axis], "z")
    return ops.einsum(f"{letters},{letters[axis]}z->{changed}", tensor, weights)


def pixel_shuffle(conversion, value, factor) -> Value:
    batch, channels, height, width = value.shape
    return conversion.shuffled(
        value,
        (batch, channels // factor**2, factor, factor, height, width),
        (0, 1, 4, 2, 5, 3),
    )


def pixel_unshuffle(conversion, value, factor) -> Value:
    batch, channels, height, width = value.shape
    shape = (batch, channels, height // factor, factor, width // factor, factor)
    return conversion.shuffled(value, shape, (0, 1, 3, 5, 2, 4))


def channel_shuffle(conversion, value, groups) -> Value:
    batch, channels, *lengths = value.shape
    shape = (batch, groups, channels // groups, *lengths)
    return conversion.shuffled(value, shape, (0, 2, 1, *range(3, len(shape))))


OPERATIONS = {
    **{f"conv{rank}d": convolution(rank) for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": transposed_convolution(rank) for rank in (1, 2, 3)},
    **{f"max_pool{rank}d": pooling("Max", rank) for rank in (1, 2, 3)},
    **{f"avg_pool{rank}d": pooling("Average", rank) for rank in (1, 2, 3)},
    **{f"adaptive_avg_pool{rank}d": adaptive_pooling("Average", rank) for rank in (1, 2, 3)},
    **{f"adaptive_max_pool{rank}d": adaptive_pooling("Max", rank) for rank in (1, 2, 3)},
    "pad": pad,
    "upsample_nearest1d": upsample(1, "nearest"),
    "upsample_nearest2d": upsample(2, "nearest"),
    "upsample_nearest3d": upsample(3, "nearest"),
    "upsample_linear1d": upsample(1, "linear"),
    "upsample_bilinear2d": upsample(2, "linear"),
    "upsample_trilinear3d": upsample(3, "linear"),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
}
