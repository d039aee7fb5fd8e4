"""Operations that are layers of Keras or of this package: with weights, and on windows of maps."""

import functools
from typing import Any

import keras
import torch
from keras import ops

from keras_dlnotes import layers
from keras_dlnotes.interop.from_torch.axes import slice_
from keras_dlnotes.interop.from_torch.conversion import Conversion, Free, enter, named
from keras_dlnotes.interop.from_torch.elementwise import combined
from keras_dlnotes.interop.from_torch.values import UnsupportedError, Value, divide
from keras_dlnotes.ops.padding_modes import pad_by_mode

# the layers' names for PyTorch's arguments, in its order
_CONVOLUTION = ("strides", "padding", "dilation_rate", "groups")
_TRANSPOSED = ("strides", "padding", "output_padding", "groups", "dilation_rate")
_MAX = ("pool_size", "strides", "padding", "dilation", "ceil_mode")
_MEAN = ("pool_size", "strides", "padding", "ceil_mode", "count_include_pad", "divisor_override")


def _on_maps(c: Conversion, x: Value, function) -> Value:
    """`function(tensor)` of maps (batch, lengths…, channels), which returns such maps."""
    rank, sizes = int(c.operation[-2]), c.sizes()
    if x.rank not in (rank + 1, rank + 2):
        raise UnsupportedError(f"a tensor of rank {x.rank} for {rank} spatial axes")
    batch, channels, *lengths = x.with_rank(rank + 2).axes
    tensor = function(x.arranged((batch, *lengths, channels)).tensor)
    channels, *lengths = c.atoms(sizes[-rank - 1 :])
    axes = (batch, channels, *lengths)
    return Value(tensor, (batch, *lengths, channels), axes[rank + 2 - len(sizes) :])


def _entries(entry, rank: int):
    """One entry for each spatial axis; a word stands for itself."""
    entries = tuple(entry) if isinstance(entry, list | tuple) else (entry,)
    return entry if isinstance(entry, str) else entries * rank if len(entries) == 1 else entries


def convolution(c: Conversion, x, weight, bias=None, *rest) -> Value:
    rank, is_transposed = int(c.operation[-2]), "transpose" in c.operation
    arguments = named(_TRANSPOSED if is_transposed else _CONVOLUTION, rest)
    arguments |= {n: _entries(a, rank) for n, a in arguments.items() if n != "groups"}
    out, more, *size = weight.shape
    # (out, in, …) → (…, in, out), and of a transposed one (in, out, …) → (…, out, in)
    order = (*range(2, rank + 2), 1, 0)
    if not is_transposed and not (isinstance(weight, Free) and weight.path):
        return _convolved(c, x, weight.arranged(weight.axes[n] for n in order), bias, arguments)
    arguments["filters"] = more * arguments.get("groups", 1) if is_transposed else out
    layer = getattr(layers, f"Conv{rank}D{'Transpose' * is_transposed}")
    places, given = {"kernel": (order,)}, {"kernel": weight, "bias": bias}
    arguments["kernel_size"] = tuple(size)
    return _on_maps(c, x, lambda maps: c.layer(layer, maps, given, places, **arguments))


def _convolved(c: Conversion, x, kernel: Value, bias, arguments) -> Value:
    """A convolution whose kernel is computed."""
    rank, groups = int(c.operation[-2]), arguments.pop("groups", 1)
    sides = arguments.pop("padding", (0,))
    if isinstance(sides, str):
        raise UnsupportedError(f"padding={sides!r} around a kernel that is computed")

    def convolved(maps):
        if any(sides):
            maps = ops.pad(maps, [(0, 0), *((n, n) for n in sides), (0, 0)])
        both = (ops.split(tensor, groups, -1) for tensor in (maps, kernel.tensor))
        parts = [(maps, kernel.tensor)] if groups == 1 else zip(*both, strict=True)
        found = [ops.conv(*part, padding="valid", **arguments) for part in parts]
        return ops.concatenate(found, -1) if groups > 1 else found[0]

    result = _on_maps(c, x, convolved)
    if bias is None:
        return result
    return combined(ops.add, result, bias.with_axes((*bias.axes, *((),) * rank)))


def pooling(c: Conversion, x, *rest) -> Value:
    rank, is_max = int(c.operation[-2]), c.operation.startswith("max")
    arguments = named(_MAX, rest) if is_max else {"count_include_pad": True, **named(_MEAN, rest)}
    if arguments.pop("divisor_override", None) is not None:
        raise UnsupportedError("divisor_override")
    if any(n != 1 for n in _entries(arguments.pop("dilation", 1), rank)):
        raise UnsupportedError("dilated pooling")
    spatial = {"pool_size", "strides", "padding"} & {*arguments}
    arguments |= {name: _entries(arguments[name], rank) or None for name in spatial}
    layer = getattr(layers, f"{'Max' if is_max else 'Average'}Pooling{rank}D")
    return _on_maps(c, x, lambda maps: c.layer(layer, maps, **arguments))


def adaptive_pooling(c: Conversion, x, _size):
    rank, kind = int(c.operation[-2]), "Max" if "max" in c.operation else "Average"
    before, wanted = x.shape[-rank:], c.sizes()[-rank:]
    if before != wanted:
        arguments: dict[str, Any] = {"keepdims": True}
        layer = getattr(keras.layers, f"Global{kind}Pooling{rank}D")
        if any(n != 1 for n in wanted):
            if not all(isinstance(n, int) for n in before):
                raise UnsupportedError("adaptive pooling of any size to more than one position")
            layer, arguments = getattr(layers, f"{kind}Pooling{rank}D"), {}
            arguments["pool_size"] = [divide(m, n) for m, n in zip(before, wanted, strict=True)]
            if not all(arguments["pool_size"]):
                layer = getattr(keras.layers, f"Adaptive{kind}Pooling{rank}D")
                arguments = {"output_size": wanted}
        x = _on_maps(c, x, lambda maps: c.layer(layer, maps, **arguments))
    return [x] if kind == "Max" else x  # PyTorch returns positions, too


def pad(c: Conversion, x, widths, mode="constant", fill=None) -> Value:
    """PyTorch counts the axes from the last one; a negative width cuts off."""
    if not all(isinstance(n, int) for n in widths):
        raise UnsupportedError("padding that depends on the size")
    for number, (before, after) in enumerate(zip(widths[::2], widths[1::2], strict=True), 1):
        if min(before, after) < 0:
            x = slice_(c, x, -number, max(-before, 0), min(after, 0) or None)
        sides = max(before, 0), max(after, 0)
        if any(sides):
            padded = functools.partial(_padded, sides=sides, mode=mode, fill=fill or 0)
            x = c.along(x, -number, padded, x.shape[-number] + sum(sides))
    return x


def _padded(tensor, place: int, sides: tuple[int, int], mode: str, fill):
    if mode != "constant":
        return pad_by_mode(tensor, (sides,), (place,), mode)
    every = [(0, 0)] * len(tensor.shape)
    every[place] = sides
    return ops.pad(tensor, every, constant_values=fill)


def upsampling(c: Conversion, x, _size=None, *rest) -> Value:
    """One axis at a time: repeated, or by a matrix that PyTorch's own resizing fills."""
    rank, is_nearest = int(c.operation[-2]), "nearest" in c.operation
    options = {"mode": "nearest"} if is_nearest else {"mode": "linear", "align_corners": rest[0]}
    factors = rest[-1] if rest and isinstance(rest[-1], list | tuple) else [None] * rank
    lengths, wanted = x.shape[-rank:], c.sizes()[-rank:]
    if not all(isinstance(n, int) for n in (*lengths, *wanted)):
        raise UnsupportedError("resizing of any size")

    def resized(maps):
        each = zip(lengths, wanted, factors, strict=True)
        for axis, (before, after, factor) in enumerate(each, 1):
            if before == after:
                continue
            if is_nearest and after % before == 0:
                maps = ops.repeat(maps, after // before, axis=axis)
                continue
            size = {"size": after}
            if factor is not None:
                size = {"scale_factor": factor, "recompute_scale_factor": False}
            identity = torch.eye(before)[None]
            matrix = torch.nn.functional.interpolate(identity, **size, **options)[0]
            one = "abcde"[: rank + 2]
            equation = f"{one},{one[axis]}z->{one.replace(one[axis], 'z')}"
            maps = ops.einsum(equation, maps, Free(c, matrix).tensor)
        return maps

    return _on_maps(c, x, resized)


def batch_norm(c, x, weight, bias, mean, variance, training, momentum, epsilon, _cudnn) -> Value:
    if not training:
        raise UnsupportedError("batch normalization that is frozen")
    x, axis = x.one_dim(1)
    if mean is None:  # always by the batch's, also in evaluation
        return _standardized(x, axis, weight, bias, epsilon)
    arguments = {"axis": axis, "momentum": 1 - momentum, "epsilon": epsilon}
    given = {"gamma": weight, "beta": bias, "moving_mean": mean, "moving_variance": variance}
    arguments["moving_statistic"] = "variance"
    return c.plain(layers.BatchNormalization, x, given, **arguments)


def _standardized(x: Value, axis: int, weight, bias, epsilon: float) -> Value:
    others = [n for n in range(len(x.dims)) if n != axis]
    mean, variance = ops.mean(x.tensor, others), ops.var(x.tensor, others)
    scale, offset = (v and v.arranged(v.axes).tensor for v in (weight, bias))
    more = {"offset": offset, "scale": scale, "epsilon": epsilon}
    return x.with_tensor(ops.batch_normalization(x.tensor, mean, variance, axis, **more))


def layer_norm(c, x, shape, weight=None, bias=None, epsilon=1e-5, _cudnn=True) -> Value:
    numbers = range(x.rank - len(shape), x.rank)
    for number in numbers:
        x, _ = x.one_dim(number)
    own = [x.axes[number] for number in numbers]
    if not all(own):
        raise UnsupportedError("normalization over an axis of length 1")
    # last, as Keras demands on PyTorch, in the order in which they are stored
    last = sorted(own, key=x.dims.index)
    x = x.arranged((*(dim for dim in x.dims if dim not in own), *last))
    axis = list(range(len(x.dims)))[-len(own) :]
    places = dict.fromkeys(["gamma", "beta"], ([own.index(dim) for dim in last],))
    given = {"gamma": weight, "beta": bias}
    kind = keras.layers.LayerNormalization
    return c.plain(kind, x, given, places, axis=axis, epsilon=epsilon)


def group_norm(c, x, groups, weight=None, bias=None, epsilon=1e-5, _cudnn=True) -> Value:
    x, axis = x.one_dim(1)
    kind, given = keras.layers.GroupNormalization, {"gamma": weight, "beta": bias}
    return c.plain(kind, x, given, groups=groups, axis=axis, epsilon=epsilon)


def instance_norm(c, x, weight, bias, mean, variance, own, momentum, epsilon, _cudnn) -> Value:
    if mean is not None or not own:
        raise UnsupportedError("instance normalization with running statistics")
    return group_norm(c, x, x.shape[1], weight, bias, epsilon)


def prelu(c: Conversion, x, slope) -> Value:
    """max(x, 0) + a·min(x, 0), with one slope or one for each channel."""
    x, place = x.one_dim(1 if x.rank > 1 else 0)
    if place == 0:
        raise UnsupportedError("PReLU of features that are stored first")
    shared = [n for n in range(1, len(x.dims)) if n != place or slope.shape == (1,)]
    return c.plain(keras.layers.PReLU, x, {"alpha": slope}, shared_axes=shared or None)


def _of_each_rank(name: str) -> str:
    return " ".join(name.replace("*", f"{rank}d") for rank in (1, 2, 3))


enter(
    {
        _of_each_rank("conv* conv_transpose*"): convolution,
        _of_each_rank("max_pool* avg_pool*"): pooling,
        _of_each_rank("adaptive_max_pool* adaptive_avg_pool*"): adaptive_pooling,
        _of_each_rank("upsample_nearest*"): upsampling,
        "upsample_linear1d upsample_bilinear2d upsample_trilinear3d": upsampling,
        "pad": pad,
        "batch_norm": batch_norm,
        "layer_norm": layer_norm,
        "group_norm": group_norm,
        "instance_norm": instance_norm,
        "prelu": prelu,
    }
)
