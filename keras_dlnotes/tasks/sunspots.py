"""Forecasts the number of sunspots in the next year."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_dlnotes import models, reports
from keras_dlnotes.common.metrics import Score
from keras_dlnotes.runs.task import Arrays, Baseline, Outcome, Picture, Splits, Task
from keras_dlnotes.tasks.loading import SPLITS, load_splits

CYCLE_YEARS = 11  # average period of solar activity
WINDOW_CYCLES = 4  # length of a training window
CONTEXT_CYCLES = 6  # before the first value that is scored
VARIANTS = {"SimpleRNN": "simple", "LSTM": "lstm"}


def prepare(name: str) -> Splits:
    """Cuts the series into windows for training, and one row each for validation and test.

    Targets are the inputs one step later. The splits are consecutive in time: no value of a later
    one occurs in training. A validation or test row starts some cycles before its first target;
    weights exclude what lies before.

    `context` has the solar cycle in steps as `cycle`, and the `years` of the test targets.
    """
    loaded = load_splits(name, {"sunspots"}, "a series of sunspots in three splits")
    columns = [loaded[split] for split in SPLITS]
    lengths = [len(column["sunspots"]) for column in columns]
    series = np.concatenate([column["sunspots"] for column in columns]).astype("float32")
    years = np.concatenate([_years(column) for column in columns])
    cycle = CYCLE_YEARS * (12 if "month" in columns[0] else 1)
    ends = np.cumsum(lengths)
    return Splits(
        _windows(series[: ends[0]], WINDOW_CYCLES * cycle),
        _row(series, ends[0], ends[1], CONTEXT_CYCLES * cycle),
        _row(series, ends[1], ends[2], CONTEXT_CYCLES * cycle),
        context={"cycle": cycle, "years": years[ends[1] :]},
    )


def _years(column: dict[str, np.ndarray]) -> np.ndarray:
    months = column.get("month")
    return column["year"] + (0 if months is None else (months - 1) / 12)


def _windows(series: np.ndarray, length: int) -> Arrays:
    pieces = np.lib.stride_tricks.sliding_window_view(series, length + 1)[..., np.newaxis]
    return pieces[:, :-1].copy(), pieces[:, 1:].copy()


def _row(series: np.ndarray, begin: int, end: int, context: int) -> Arrays:
    """Returns (inputs, targets, weights) of one row, whose targets count from `begin` on."""
    start = max(begin - context, 1)
    row = series[np.newaxis, start - 1 : end, np.newaxis]
    weights = (np.arange(start, end) >= begin).astype("float32")[np.newaxis]
    return row[:, :-1], row[:, 1:], weights


def join(splits: Splits) -> Arrays:
    """Returns the training windows, and those that end in the validation period."""
    inputs, targets, weights = splits.validation
    length, count = splits.training[0].shape[1], np.count_nonzero(weights)
    series = np.append(inputs[0, :, 0], targets[0, -1, 0])
    later = _windows(series[-(length + count) :], length)
    return tuple(np.concatenate(pair) for pair in zip(splits.training, later, strict=True))


def build(splits: Splits, **arguments: Any) -> keras.Model:
    """Builds a `models.many_to_many` that forecasts numbers of sunspots."""
    scale = float(splits.training[0].std())
    inputs = keras.Input((None, 1))
    # zero sunspots are a value, not padding
    network = models.many_to_many((None, 1), 1, activation=None, mask_value=None, **arguments)
    change = network(keras.layers.Rescaling(1 / scale)(inputs))
    outputs = keras.layers.Add()([inputs, keras.layers.Rescaling(scale)(change)])
    return keras.Model(inputs, outputs, name="forecaster")


def score(model: keras.Model, splits: Splits) -> dict[str, float]:
    """Returns the mean absolute error over the test period."""
    return _error(forecasts(model, splits), splits)


def forecasts(model: keras.Model, splits: Splits) -> np.ndarray:
    """Returns the forecast of each test target from all values before it."""
    inputs, _, weights = splits.test
    return model.predict(inputs, verbose=0)[0, weights[0] > 0, 0]


def _truth(splits: Splits) -> np.ndarray:
    _, targets, weights = splits.test
    return targets[0, weights[0] > 0, 0]


def _error(found: np.ndarray, splits: Splits) -> dict[str, float]:
    return {"test_mae": float(np.mean(np.abs(found - _truth(splits))))}


def rules(splits: Splits) -> list[Baseline]:
    """Scores two rules: the same as now, and the same as one solar cycle ago."""
    inputs, _, weights = splits.test
    series, counted, cycle = inputs[0, :, 0], weights[0] > 0, splits.context["cycle"]
    a_cycle_before = np.concatenate([np.full(cycle - 1, np.nan), series[: len(series) - cycle + 1]])
    found = {
        "persistence: the same as now": series[counted],
        f"seasonal rule: the same as {CYCLE_YEARS} years before": a_cycle_before[counted],
    }
    scored = [Baseline(name, _error(values, splits)) for name, values in found.items()]
    return sorted(scored, key=lambda baseline: baseline.scores["test_mae"])


def pictures(outcome: Outcome) -> Iterator[Picture]:
    """Draws forecasts and observations."""
    splits = outcome.splits
    networks = {"GRU": outcome, **outcome.variants}
    found = {
        f"{name}, off by {one.scores['test_mae']:.1f}": forecasts(one.model, splits)
        for name, one in networks.items()
    }
    yield Picture(
        "Forecasts and observations",
        reports.plot_forecasts(splits.context["years"], _truth(splits), found, "sunspots"),
        "The test period. Each forecast is for the next step, from all values before it.",
        "Dots for the numbers of sunspots, and a line of forecasts for each network.",
        "Lines that follow the dots one step late: that is what persistence does, which forecasts "
        "the last value. Then the maxima, whose heights differ from cycle to cycle.",
        "concepts/sequences.md#aligned",
    )


SUNSPOTS = Task(
    name="sunspots",
    description="Recurrent networks forecast how many sunspots there will be next year",
    section="Recurrent Neural Networks",
    see="derivations/recurrent.md#the-hidden-state",
    data="sunspots",
    prepare=prepare,
    build=build,
    arguments={"cell": "gru", "units": 32},
    variants={name: {"cell": cell, "units": 32} for name, cell in VARIANTS.items()},
    loss="mae",
    learning_rate=3e-3,
    halving_epochs=15,
    epochs=60,
    batch_size=16,
    patience=15,
    join=join,
    score=score,
    scores={"test_mae": Score("test MAE", "sunspots", "min")},
    primary_metric="test_mae",
    baseline=rules,
    pictures=pictures,
)
