"""Draws a layer, its arguments and its input: what `test_properties` calls every layer with."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.backends import BACKEND

POLICIES = ["float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16"]
POLICIES += ["float64"] if BACKEND == "tensorflow" else []  # Keras demotes it elsewhere
FLOATS = ["float16", "bfloat16", "float32", "float64"]
WHOLE = ["bool", "uint8", "int8", "int16", "int32", "int64"]
LAYOUTS = ["channels_last", "channels_first"]
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}

_SIZE = [0, -1, 2.5, "2", b"22", True, float("nan"), (1, 2, 3, 4)]
_COUNT = [0, -1, 2.5, "2", True, (1, 2)]
_RATE = [-0.1, 1.5, float("nan"), "0.1"]
# what an argument cannot be
WRONG = {
    **dict.fromkeys(("kernel_size", "pool_size", "strides", "dilation_rate"), _SIZE),
    **dict.fromkeys(("filters", "units", "depth_multiplier", "groups", "truncate"), _COUNT),
    **dict.fromkeys(("layer_count", "growth_rate"), _COUNT),
    **dict.fromkeys(("dropout", "recurrent_dropout", "momentum"), _RATE),
    "epsilon": [-1.0, float("nan"), "1e-3"],
    "padding": ["full", -1, 1.5, b"2", ((1,), (1,), (1,), (1,)), None],
    "output_padding": [9, -1, 0.5, "1"],
    "data_format": ["channels_middle", 1],
    "moving_statistic": ["median", None],
    "forget_gate": ["shared", None],
    "output_gate": ["late", None],
    "merge_mode": ["max", 1],
}


class Drawn(NamedTuple):
    """A layer by its name and arguments, and what it is called on.

    `shape` has the channels last; `wrong` is the argument that was given a value it cannot take.
    """

    name: str
    arguments: dict[str, Any]
    shape: tuple[int, ...]
    dtype: str = "float32"
    policy: str = "float32"
    call: dict[str, Any] = {}  # noqa: RUF012
    seed: int = 0
    wrong: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is a length of 0, which a layer may refuse."""
        return 0 in self.shape[1:]

    @property
    def is_first(self) -> bool:
        return self.arguments.get("data_format") == "channels_first"

    def values(self, dtype: str | None = None) -> np.ndarray:
        """Random numbers of the shape and the type, or NumPy's nearest one."""
        generator, dtype = np.random.default_rng(self.seed), dtype or self.dtype
        if dtype == "bool":
            return generator.integers(0, 2, self.shape).astype(bool)
        if "int" in dtype:
            low, high = (0, 250) if dtype[0] == "u" else (-100, 100)
            return generator.integers(low, high, self.shape).astype(dtype)
        return generator.normal(size=self.shape)


@st.composite
def cases(draw, family: str) -> Drawn:
    """A layer of the family; one in eight has an invalid argument."""
    case = draw(FAMILIES[family]())
    dtype = draw(st.sampled_from(FLOATS + WHOLE))
    policy = draw(st.sampled_from(POLICIES))
    case = case._replace(dtype=dtype, policy=policy, seed=draw(st.integers(0, 99)))
    if draw(st.sampled_from([False] * 7 + [True])):
        names = sorted(set(WRONG) & set(case.arguments))
        name = draw(st.sampled_from(names))
        value = draw(st.sampled_from(WRONG[name]))
        # so that no other argument depends on it
        plain = {"padding": "valid", "output_padding": None}
        plain = {other: plain[other] for other in plain if other in case.arguments}
        case = case._replace(arguments={**case.arguments, **plain, name: value}, wrong=name)
    return case


def _lengths(rank):
    longest = (9, 7, 4)[rank - 1]
    return st.lists(_length(longest), min_size=rank, max_size=rank)


def _length(longest):
    return st.sampled_from([*range(1, longest + 1), *range(2, longest + 1), 0])


def _batch():
    return st.sampled_from([2, 1, 3, 0])


def _per_axis(draw, rank, entries):
    """One entry, or one for each axis."""
    entry = st.sampled_from(entries)
    return draw(st.one_of(entry, st.tuples(*[entry] * rank)))


def _padding(draw, rank, words, most=3):
    pair = st.tuples(st.integers(0, most), st.integers(0, most))
    side = st.one_of(st.integers(0, most), pair)
    whole = st.one_of(st.integers(0, most), st.tuples(*[side] * rank))
    return draw(st.one_of(st.sampled_from(words), whole))


def _geometry(draw, rank, words=("valid", "same")):
    return {
        "kernel_size": _per_axis(draw, rank, [1, 2, 3]),
        "strides": _per_axis(draw, rank, [1, 2, 3]),
        "dilation_rate": _per_axis(draw, rank, [1, 1, 2]),
        "padding": _padding(draw, rank, words),
        "data_format": draw(st.sampled_from(LAYOUTS)),
    }


@st.composite
def _convolution(draw):
    rank, groups = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2]))
    words = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    arguments = {
        "filters": groups * draw(st.integers(1, 2)),
        **_geometry(draw, rank, words),
        "groups": groups,
        "use_bias": draw(st.booleans()),
        "activation": draw(st.sampled_from([None, "relu"])),
    }
    channels = groups * draw(st.integers(1, 2))
    return Drawn(f"Conv{rank}D", arguments, (draw(_batch()), *draw(_lengths(rank)), channels))


@st.composite
def _transposed(draw):
    rank = draw(st.integers(1, 3))
    arguments = {"filters": draw(st.integers(1, 2)), **_geometry(draw, rank)}
    arguments["output_padding"] = draw(st.sampled_from([None, None, 0, 1]))
    arguments["use_bias"] = draw(st.booleans())
    shape = draw(_batch()), *draw(_lengths(rank)), draw(st.integers(1, 2))
    return Drawn(f"Conv{rank}DTranspose", arguments, shape)


@st.composite
def _depthwise(draw):
    rank, kind = draw(st.integers(1, 2)), draw(st.sampled_from(["Depthwise", "Separable"]))
    first = {"filters": draw(st.integers(1, 2))} if kind == "Separable" else {}
    more = {"depth_multiplier": draw(st.integers(1, 2)), "use_bias": draw(st.booleans())}
    arguments = {**first, **_geometry(draw, rank), **more}
    shape = draw(_batch()), *draw(_lengths(rank)), draw(st.integers(1, 2))
    return Drawn(f"{kind}Conv{rank}D", arguments, shape)


@st.composite
def _spatial(draw):
    arguments = {"filters": draw(st.integers(1, 2)), **_geometry(draw, 2)}
    shape = draw(_batch()), *draw(_lengths(2)), draw(st.integers(1, 2))
    return Drawn("SpatiallySeparableConv2D", arguments, shape)


def _window(draw, rank):
    return {
        "pool_size": _per_axis(draw, rank, [2, 1, 3]),
        "strides": draw(st.none()) if draw(st.booleans()) else _per_axis(draw, rank, [1, 2, 3]),
        "padding": _padding(draw, rank, ("valid", "same"), most=1),
        "data_format": draw(st.sampled_from(LAYOUTS)),
    }


@st.composite
def _pooling(draw):
    rank, kind = draw(st.integers(1, 3)), draw(st.sampled_from(["Max", "Average"]))
    own = "return_indices" if kind == "Max" else "count_include_pad"
    arguments = {**_window(draw, rank), own: draw(st.booleans())}
    shape = draw(_batch()), *draw(_lengths(rank)), draw(st.integers(1, 2))
    return Drawn(f"{kind}Pooling{rank}D", arguments, shape)


@st.composite
def _unpooling(draw):
    """Its shape is that of the pooled image, long enough for any window."""
    call = {"output_size": draw(st.booleans())}
    shape = draw(_batch()), *draw(st.tuples(*[st.integers(3, 6)] * 2)), draw(st.integers(1, 2))
    return Drawn("MaxUnpooling2D", _window(draw, 2), shape, call=call)


@st.composite
def _normalization(draw):
    rank = draw(st.integers(0, 2))
    shape = draw(_batch()), *draw(_lengths(rank)), draw(st.integers(1, 3))
    arguments = {
        "axis": draw(st.sampled_from([-1, len(shape) - 1, 1])),
        "momentum": draw(st.sampled_from([0.0, 0.9, 1.0])),
        "epsilon": draw(st.sampled_from([1e-3, 0.1])),
        "center": draw(st.booleans()),
        "scale": draw(st.booleans()),
        "moving_statistic": draw(st.sampled_from(["std", "variance"])),
    }
    call = {"training": draw(st.booleans()), "mask": draw(st.booleans())}
    return Drawn("BatchNormalization", arguments, shape, call=call)


def _of_cell(draw, name):
    arguments = {"units": draw(st.sampled_from([2, 1])), "use_bias": draw(st.booleans())}
    if name == "GRU":
        arguments["reset_after"] = draw(st.booleans())
    if name == "LSTM":
        arguments["forget_gate"] = draw(st.sampled_from(["separate", "coupled"]))
        arguments["output_gate"] = draw(st.sampled_from(["current", "delayed"]))
    return arguments


def _sequence(draw):
    return draw(_batch()), draw(st.sampled_from([3, 1, 4, 0])), draw(st.sampled_from([2, 1]))


@st.composite
def _recurrence(draw):
    name = draw(st.sampled_from(sorted(STATES)))
    arguments = _of_cell(draw, name)
    call = {"mask": draw(st.booleans()), "initial_state": draw(st.booleans())}
    if draw(st.sampled_from([False, False, True])):
        batch, steps, features = _sequence(draw)
        # Keras's own layer, which loops over the cell, fails at no steps; on JAX it gives the
        # initial state as the output of steps skipped at the beginning, where others give 0
        if BACKEND == "jax" and call["initial_state"]:
            call["mask"] = False
        return Drawn(f"{name}Cell", arguments, (batch, max(steps, 1), features), call=call)
    for flag in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask"):
        arguments[flag] = draw(st.booleans())
    arguments["truncate"] = draw(st.sampled_from([None, None, 1, 2]))
    arguments["dropout"] = draw(st.sampled_from([0.0, 0.5]))  # does nothing at inference
    return Drawn(name, arguments, _sequence(draw), call=call)


@st.composite
def _two_directions(draw):
    """Its argument `layer` is the name of the recurrent layer; the other ones are of both."""
    name = draw(st.sampled_from(sorted(STATES)))
    arguments = {"layer": name, **_of_cell(draw, name)}
    arguments["return_sequences"] = draw(st.booleans())
    arguments["merge_mode"] = draw(st.sampled_from(["concat", "sum", "mul", "ave", None]))
    call = {"mask": draw(st.booleans())}
    return Drawn("Bidirectional", arguments, _sequence(draw), call=call)


@st.composite
def _block(draw):
    shape = draw(_batch()), *draw(_lengths(2)), draw(st.integers(1, 2))
    layout = {"data_format": draw(st.sampled_from(LAYOUTS))}
    few = st.integers(1, 2)
    if draw(st.booleans()):
        arguments = {"layer_count": draw(few), "growth_rate": draw(few), **layout}
        return Drawn("DenseBlock", {**arguments, "bottleneck": draw(st.booleans())}, shape)
    arguments = {"filters": draw(few), "kernel_size": draw(st.integers(1, 3)), **layout}
    return Drawn("Residual", {**arguments, "strides": draw(few), "padding": "same"}, shape)


FAMILIES = {
    "convolution": _convolution,
    "transposed convolution": _transposed,
    "depthwise convolution": _depthwise,
    "spatially separable convolution": _spatial,
    "pooling": _pooling,
    "unpooling": _unpooling,
    "batch normalization": _normalization,
    "recurrence": _recurrence,
    "two directions": _two_directions,
    "block": _block,
}
