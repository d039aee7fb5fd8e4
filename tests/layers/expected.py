"""What a drawn layer must answer: by slow loops in float64, from its weights; or that it refuses.

    expected(case, weights, x) -> a list of arrays, or raises Refused

Inside, channels are last, and every argument of a window is one entry an axis.
"""

import numpy as np

from tests import reference
from tests.layers.drawing import STATES, Drawn


class Refused(Exception):  # noqa: N818
    """There is no answer: the layer must raise."""


def expected(case: Drawn, weights: dict[str, np.ndarray], x: np.ndarray) -> list[np.ndarray]:
    """The outputs, in the layout that was drawn."""
    kind = case.name.rstrip("123D") if case.name[-2] in "123" else case.name
    outputs = _EXPECTED[kind](case, weights, x)
    if case.is_first:
        outputs = [np.moveaxis(output, -1, 1) for output in outputs]
    return outputs


def refuses(case: Drawn, x: np.ndarray) -> bool:
    """Whether there is no answer, as far as this is independent of weights."""
    try:
        expected(case, {}, x)
    except Refused:
        return True
    except KeyError:  # it came as far as to ask for a weight
        return False
    return False


def _each(value, rank):
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def _window(arguments, lengths):
    """size, strides, padding, dilation, one entry per axis; raises where it does not fit."""
    rank = len(lengths)
    size = _each(arguments.get("pool_size", arguments.get("kernel_size")), rank)
    strides = arguments.get("strides")
    strides = size if strides is None else _each(strides, rank)
    dilation = _each(arguments.get("dilation_rate", 1), rank)
    padding = arguments["padding"]
    if isinstance(padding, str):
        padding = reference.padding_of_word(padding, lengths, size, strides, dilation)
    padding = [pair if isinstance(pair, tuple) else (pair, pair) for pair in _each(padding, rank)]
    padding = tuple(padding)
    if (
        "pool_size" in arguments
        and any(max(pair) >= k for pair, k in zip(padding, size, strict=True))
        and not isinstance(arguments["padding"], str)
    ):
        raise Refused("a window of padding alone")
    return size, strides, padding, dilation


def _fitting(arguments, lengths):
    size, strides, padding, dilation = _window(arguments, lengths)
    if 0 in reference.places(lengths, size, strides, padding, dilation):
        raise Refused("a window longer than the padded input")
    return size, strides, padding, dilation


def _finished(case, weights, y):
    y = y + weights.get("bias", 0.0)
    return [np.maximum(y, 0) if case.arguments.get("activation") == "relu" else y]


def _conv(case, weights, x):
    _, *window = _fitting(case.arguments, x.shape[1:-1])
    groups = case.arguments.get("groups", 1)
    return _finished(case, weights, reference.convolve(x, weights["kernel"], *window, groups))


def _depthwise(case, weights, x, name="kernel"):
    _, *window = _fitting(case.arguments, x.shape[1:-1])
    kernel = weights[name].reshape(*weights[name].shape[:-2], 1, -1)
    return _finished(case, weights, reference.convolve(x, kernel, *window, x.shape[-1]))


def _separable(case, weights, x):
    without_bias = {name: value for name, value in weights.items() if name != "bias"}
    (y,) = _depthwise(case, without_bias, x, "depthwise_kernel")
    mix = weights["pointwise_kernel"].squeeze((*range(y.ndim - 2),))
    return _finished(case, weights, y @ mix)


def _spatial(case, weights, x):
    _, (s_h, s_w), (p_h, p_w), (d_h, d_w) = _fitting(case.arguments, x.shape[1:-1])
    nothing = (0, 0)
    y = reference.convolve(x, weights["column_kernel"], (s_h, 1), (p_h, nothing), (d_h, 1))
    y = reference.convolve(y, weights["row_kernel"], (1, s_w), (nothing, p_w), (1, d_w))
    return _finished(case, weights, y)


def _transposed(case, weights, x):
    lengths, arguments = x.shape[1:-1], case.arguments
    more = arguments["output_padding"]
    size, strides, _, dilation = _window({**arguments, "padding": 0}, lengths)
    if more is not None and more >= min(strides):
        raise Refused("output padding as long as a stride")
    longer = []
    for axis, (m, k, s, d) in enumerate(zip(lengths, size, strides, dilation, strict=True)):
        span, before, after = d * (k - 1) + 1, 0, 0
        if arguments["padding"] == "same":
            longer.append(m * s if more is None else (m - 1) * s + span % 2 + more)
            continue
        if arguments["padding"] == "valid":
            added = max(s - span, 0) if more is None else more
        else:
            before, after = _window(arguments, lengths)[2][axis]
            added = more or 0
        longer.append((m - 1) * s - before - after + span + added)
    if min(longer) < 1:
        raise Refused("a crop that leaves nothing")
    padding = _window(arguments, longer)[2]  # "same" is that of the convolution whose adjoint it is
    if reference.places(longer, size, strides, padding, dilation) != lengths:
        raise Refused("no convolution leads back")
    kernel = weights["kernel"]
    y = reference.transpose_convolve(x, kernel, strides, padding, dilation, longer)
    return _finished(case, weights, y)


def _max_pool(case, weights, x):
    size, strides, padding, _ = _fitting(case.arguments, x.shape[1:-1])
    if 0 in x.shape[1:-1]:
        raise Refused("a window of padding alone")
    outputs = [reference.max_pool(x, size, strides, padding)]
    if case.arguments.get("return_indices"):
        outputs.append(reference.max_pool_indices(x, size, strides, padding))
    return outputs


def _average_pool(case, weights, x):
    size, strides, padding, _ = _fitting(case.arguments, x.shape[1:-1])
    if 0 in x.shape[1:-1]:
        raise Refused("a window of padding alone")
    return [reference.average_pool(x, size, strides, padding, case.arguments["count_include_pad"])]


def pooled(case: Drawn, x: np.ndarray) -> list[np.ndarray]:
    """The values and positions that unpooling is called on."""
    return _max_pool(case._replace(arguments={**case.arguments, "return_indices": True}), {}, x)


def unpooled_size(case: Drawn) -> tuple[int, ...]:
    """The lengths of the output without `output_size`: (m−1)s − 2p + k, and m·s for "same"."""
    arguments, lengths = case.arguments, case.shape[1:-1]
    size, strides, padding, dilation = _fitting(arguments, lengths)
    places = reference.places(lengths, size, strides, padding, dilation)
    if arguments["padding"] == "same":
        return tuple(m * s for m, s in zip(places, strides, strict=True))
    return tuple(
        (m - 1) * s - before - after + k
        for m, s, (before, after), k in zip(places, strides, padding, size, strict=True)
    )


def _unpool(case, weights, x):
    values, positions = pooled(case, x)
    lengths = case.shape[1:-1] if case.call["output_size"] else unpooled_size(case)
    if min(lengths) < 1 or (positions >= np.prod(lengths)).any():
        raise Refused("positions outside of the output")
    return [reference.unpool(values, positions, lengths)]


def _normalize(case, weights, x):
    mask = case.call.get("mask")
    axis, epsilon = case.arguments["axis"], case.arguments["epsilon"]
    moved = np.moveaxis(x, axis, -1)
    mean, variance = weights["moving_mean"], weights["moving_variance"]
    if case.call["training"]:
        if mask is not False and mask is not None:
            mask = np.moveaxis(np.broadcast_to(mask[..., None], x.shape), axis, -1)
        mean, variance = reference.batch_statistics(moved, mask)
    y = (moved - mean) / np.sqrt(variance + epsilon)
    y = y * weights.get("gamma", 1.0) + weights.get("beta", 0.0)
    return [np.moveaxis(y, -1, axis)]


def _step(name, arguments, weights):
    kernels = weights["kernel"], weights["recurrent_kernel"]
    width = kernels[0].shape[1]
    after = name == "GRU" and arguments["reset_after"]
    bias = weights.get("bias", np.zeros((2, width) if after else width))
    if name == "SimpleRNN":
        return reference.simple_rnn_step(*kernels, bias), bias
    if name == "GRU":
        return reference.gru_step(*kernels, bias, after), bias
    coupled, delayed = (
        arguments[gate] in ("coupled", "delayed") for gate in ("forget_gate", "output_gate")
    )
    return reference.lstm_step(*kernels, bias, coupled, delayed), bias


def _recur(case, weights, x):
    if x.shape[1] == 0:
        raise Refused("a sequence of no steps")
    name, arguments = case.name.removesuffix("Cell"), case.arguments
    step, bias = _step(name, arguments, weights)
    units = arguments["units"]
    states = case.call.get("initial_state") or None
    if states is None:
        states = [np.zeros((len(x), units)) for _ in range(STATES[name])]
        if arguments.get("output_gate") == "delayed":
            states.append(np.tile(reference.sigmoid(bias[-units:]), (len(x), 1)))
    mask = case.call.get("mask")
    mask = None if mask is False else mask
    if arguments.get("go_backwards"):
        x, mask = x[:, ::-1], None if mask is None else mask[:, ::-1]
    zeros = arguments.get("zero_output_for_mask", False)
    outputs, last = reference.recurrence(step, x, states, mask, zeros)
    if not arguments.get("return_sequences", case.name.endswith("Cell")):
        outputs = outputs[:, -1]
    return [outputs, *(last if arguments.get("return_state") else ())]


def _two_directions(case, weights, x):
    zeros = case.arguments["return_sequences"]
    arguments = {**case.arguments, "zero_output_for_mask": zeros}
    directions = []
    for number, backwards in enumerate((False, True)):
        of_one = {**arguments, "go_backwards": backwards}
        inner = case._replace(name=arguments["layer"], arguments=of_one)
        own = {name: values[number] for name, values in weights.items()}
        directions += _recur(inner, own, x)
    if arguments["return_sequences"]:
        directions[1] = directions[1][:, ::-1]
    there, back = directions
    merges = {
        "concat": lambda: [np.concatenate([there, back], axis=-1)],
        "sum": lambda: [there + back],
        "mul": lambda: [there * back],
        "ave": lambda: [(there + back) / 2],
        None: lambda: [there, back],
    }
    return merges[arguments["merge_mode"]]()


def _residual(case, weights, x):
    if min(case.shape[1:-1]) == 0:
        raise Refused("an image of no pixels")
    inner = case._replace(arguments={**case.arguments, "dilation_rate": 1})
    (y,) = _conv(inner, {"kernel": weights["kernel"][0], "bias": weights["bias"]}, x)
    if len(weights["kernel"]) > 1:
        projection = weights["kernel"][1]
        strides = [-(-m // n) for m, n in zip(x.shape[1:-1], y.shape[1:-1], strict=True)]
        x = reference.convolve(x, projection, strides, [(0, 0)] * 2, (1, 1))
    return [np.maximum(x + y, 0)]


def _dense_block(case, weights, x):
    kernels = iter(weights["kernel"])
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    norms = zip(*(weights[name] for name in names), strict=True)
    for _ in range(case.arguments["layer_count"]):
        y = x
        for _ in range(2 if case.arguments["bottleneck"] else 1):
            gamma, beta, mean, variance = next(norms)
            kernel = next(kernels)
            y = np.maximum((y - mean) / np.sqrt(variance + 1.001e-5) * gamma + beta, 0)
            around = [((k - 1) // 2, k // 2) for k in kernel.shape[:2]]
            y = reference.convolve(y, kernel, (1, 1), around, (1, 1))
        x = np.concatenate([x, y], axis=-1)
    return [x]


_EXPECTED = {
    "Conv": _conv,
    "DepthwiseConv": _depthwise,
    "SeparableConv": _separable,
    "SpatiallySeparableConv": _spatial,
    "MaxPooling": _max_pool,
    "AveragePooling": _average_pool,
    "MaxUnpooling": _unpool,
    "BatchNormalization": _normalize,
    "Bidirectional": _two_directions,
    "Residual": _residual,
    "DenseBlock": _dense_block,
    **{name: _recur for kind in STATES for name in (kind, f"{kind}Cell")},
    **{f"Conv{rank}DTranspose": _transposed for rank in (1, 2, 3)},
}
