"""What separable convolutions would save: by the notes' count, and as measured on this machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_dlnotes.common.calls import Call
from keras_dlnotes.common.checks import argument_error, flag, integer, text
from keras_dlnotes.reports.costs.summary import summarize
from keras_dlnotes.reports.costs.trace import trace

if TYPE_CHECKING:
    import pandas

COLUMNS = (
    *("layer", "kernel", "inputs", "outputs", "normal", "depthwise", "spatial"),
    *("notes_ratio", "depthwise_ratio", "spatial_ratio"),
)
MEASURED = (
    *("normal_ms", "depthwise_ms", "spatial_ms"),
    *("measured_depthwise_ratio", "measured_spatial_ratio"),
)
MOST = 10_000  # batch size and repeats, each of which multiplies the time
KINDS = ("normal", "depthwise", "spatial")


@dataclass(frozen=True)
class Convolution:
    """What makes a convolution cost what it does: equal ones are measured once."""

    input_shape: tuple[int, ...]
    filters: int
    kernel_size: tuple[int, int]
    strides: tuple[int, int]
    padding: Any
    dilation_rate: tuple[int, int]
    data_format: str

    def model(self, kind: str) -> keras.Model:
        """Returns the convolution, or its replacement, as a model."""
        shared = {"use_bias": False, "data_format": self.data_format}
        padding = self.padding if isinstance(self.padding, str) else "valid"
        arguments = {**shared, "padding": padding, "dilation_rate": self.dilation_rate}
        (height, width), (down, across) = self.kernel_size, self.strides
        layers: list[Any] = [keras.Input(self.input_shape)]
        if not isinstance(self.padding, str):
            pads = self.padding if isinstance(self.padding, int) else tuple(self.padding)
            layers.append(keras.layers.ZeroPadding2D(pads, data_format=self.data_format))
        if kind == "normal":
            layers.append(
                keras.layers.Conv2D(
                    self.filters, self.kernel_size, strides=self.strides, **arguments
                )
            )
        elif kind == "depthwise":
            layers.append(
                keras.layers.DepthwiseConv2D(self.kernel_size, strides=self.strides, **arguments)
            )
            layers.append(keras.layers.Conv2D(self.filters, 1, **shared))
        else:
            layers += [
                keras.layers.Conv2D(self.filters, (height, 1), strides=(down, 1), **arguments),
                keras.layers.Conv2D(self.filters, (1, width), strides=(1, across), **arguments),
            ]
        return keras.Sequential(layers)


def savings(
    model: keras.Model,
    layer: str | None = None,
    input_shape: Any = None,
    measure: bool = True,
    batch_size: int = 8,
    repeats: int = 10,
) -> "pandas.DataFrame":
    """Returns what separable convolutions would save in place of a model's normal ones.

    A normal convolution makes D_k²·M·D_p²·N multiplications, a depthwise-separable one
    M·D_p²·D_k² + M·D_p²·N, which is 1/N + 1/D_k² of it; a spatially separable one is a D_k×1
    convolution and then a 1×D_k one. Where memory, not arithmetic, takes
    the time, a machine saves less than that.

    Args:
        model: Any Keras model with two-dimensional convolutions larger than 1×1 with one group.
        layer: The name of one of them, as `summarize` shows it; by default all, in their order.
        input_shape: As in `summarize`.
        measure: Whether to time the forward passes of each and of its replacements, on the same
            shapes, which takes about a second for each different convolution.
        batch_size: How many examples to time it with, up to 10,000.
        repeats: How often to time each, up to 10,000; the three take turns, and the median counts.

    Returns:
        A data frame, a row for each convolution: its multiplications for one example in the three
        forms, the notes' ratio 1/N + 1/D_k², the ratios of the counts and, if measured,
        milliseconds for the batch and their ratios. A last row "total" adds them up.

    Raises:
        ValueError: If there is no such convolution or an argument is out of range.

    Reference:
        Lecture notes, "Depthwise Separable Convolution", "Spatially Separable Convolution".

    >>> model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Conv2D(16, 5)])
    >>> frame = savings(model, measure=False)
    >>> frame[["depthwise_ratio", "notes_ratio"]].iloc[0].round(4).tolist()  # 1/16 + 1/5²
    [0.1025, 0.1025]
    """
    import pandas

    integer("batch_size", batch_size, 1, MOST)
    integer("repeats", repeats, 1, MOST)
    flag("measure", measure)
    if layer is not None:
        text("layer", layer, empty=True)
    found = _convolutions(model, input_shape)
    if layer is not None:
        found = {name: convolution for name, convolution in found.items() if name == layer}
    if not found:
        expected = "the name of a two-dimensional convolution larger than 1×1 with one group"
        raise argument_error("layer", expected, layer)
    milliseconds: dict[Convolution, dict[str, float]] = {}
    rows = []
    for name, convolution in found.items():
        row = {"layer": name, **_counts(convolution)}
        if measure:
            if convolution not in milliseconds:
                milliseconds[convolution] = _measured(convolution, batch_size, repeats)
            row |= milliseconds[convolution]
        rows.append(row)
    sums = [kind for kind in (*KINDS, *MEASURED[:3]) if kind in rows[0]]
    rows.append({"layer": "total", **{kind: sum(row[kind] for row in rows) for kind in sums}})
    for row in rows:
        for kind in KINDS[1:]:
            row[f"{kind}_ratio"] = row[kind] / row["normal"]
            if measure:
                row[f"measured_{kind}_ratio"] = row[f"{kind}_ms"] / row["normal_ms"]
    return pandas.DataFrame(rows, columns=[*COLUMNS, *(MEASURED if measure else ())])


def _convolutions(model: keras.Model, input_shape: Any) -> dict[str, Convolution]:
    traced = trace(model, input_shape)
    return {
        call.name: _convolution(call)
        for call in traced.calls
        if isinstance(call.operation, keras.layers.Conv2D)
        and max(call.operation.kernel_size) > 1
        and call.operation.groups == 1
    }


def _convolution(call: Call) -> Convolution:
    layer, shape = call.operation, tuple(call.operands[0].shape)
    if None in shape:
        expected = f"given with all its lengths, one of which layer {call.name!r} needs"
        raise argument_error("input_shape", expected, shape)
    return Convolution(
        shape[1:],
        layer.filters,
        tuple(layer.kernel_size),
        tuple(layer.strides),
        layer.padding,
        tuple(layer.dilation_rate),
        layer.data_format,
    )


def _counts(convolution: Convolution) -> dict[str, Any]:
    height, width = convolution.kernel_size
    channels = 0 if convolution.data_format == "channels_first" else -1
    counts = {kind: summarize(convolution.model(kind)).total.multiplications for kind in KINDS}
    return {
        "kernel": f"{height} × {width}",
        "inputs": convolution.input_shape[channels],
        "outputs": convolution.filters,
        **counts,
        "notes_ratio": 1 / convolution.filters + 1 / (height * width),
    }


def _measured(convolution: Convolution, batch_size: int, repeats: int) -> dict[str, float]:
    """Returns the median milliseconds of the three, which take turns."""
    inputs = np.random.default_rng(0).normal(size=(batch_size, *convolution.input_shape))
    inputs = inputs.astype("float32")
    models = {kind: convolution.model(kind) for kind in KINDS}
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for turn in range(repeats + 2):
        for kind, model in models.items():
            seconds = _seconds(model.predict_on_batch, inputs)
            if turn >= 2:  # the first ones compile
                taken[kind].append(1000 * seconds)
    return {f"{kind}_ms": statistics.median(values) for kind, values in taken.items()}


def _seconds(function: Callable, inputs: np.ndarray) -> float:
    start = time.perf_counter()
    function(inputs)
    return time.perf_counter() - start
