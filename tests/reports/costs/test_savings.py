import importlib

import keras
import numpy as np
import pytest

from keras_dlnotes import layers as ours
from keras_dlnotes import reports

L = keras.layers


@pytest.fixture
def model() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            ours.Conv2D(16, 5, padding=((1, 0), (2, 2)), strides=2, name="first"),
            L.Conv2D(8, 3, padding="same", name="second"),
            L.Conv2D(8, 1, name="pointwise"),
            L.Conv2D(8, 3, groups=2, name="grouped"),
        ]
    )


def test_counts_are_those_of_the_notes(model):
    frame = reports.savings(model, measure=False).set_index("layer")
    assert list(frame.index) == ["first", "second", "total"]
    places, after = 5 * 6, 5 * 6  # ⌊(12 + 1 − 5)/2⌋ + 1 by ⌊(12 + 4 − 5)/2⌋ + 1
    first = frame.loc["first"]
    assert first["normal"] == 5**2 * 3 * places * 16
    assert first["depthwise"] == 3 * places * 5**2 + 3 * places * 16
    assert first["spatial"] == 5 * 3 * (5 * 16) * 16 + 5 * 16 * places * 16
    second = frame.loc["second"]
    assert second["spatial"] == (3 * 16 + 3 * 8) * after * 8
    for row in (first, second):
        assert row["depthwise_ratio"] == pytest.approx(row["notes_ratio"])
    assert frame.loc["total", "normal"] == first["normal"] + second["normal"]
    assert "normal_ms" not in frame


def test_time_is_measured_and_equal_layers_are_measured_once(model, monkeypatch):
    module = importlib.import_module("keras_dlnotes.reports.costs.savings")
    calls = []
    clock = iter(np.arange(0, 1e6))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(clock)))
    measured = module._measured

    def counted(*arguments):
        calls.append(arguments)
        return measured(*arguments)

    monkeypatch.setattr(module, "_measured", counted)
    model.add(L.Conv2D(8, 3, padding="same", name="third"))
    model.add(L.Conv2D(8, 3, padding="same", name="fourth"))
    frame = reports.savings(model, batch_size=2, repeats=1).set_index("layer")
    assert len(calls) == 3
    assert (frame.loc["first", "normal_ms"], frame.loc["total", "normal_ms"]) == (1000, 4000)
    assert frame.loc["second", "measured_depthwise_ratio"] == 1


def test_one_layer_can_be_chosen(model):
    frame = reports.savings(model, "second", measure=False)
    assert list(frame["layer"]) == ["second", "total"]
    with pytest.raises(ValueError, match="`layer` must be the name of a two-dimensional convolut"):
        reports.savings(model, "pointwise", measure=False)


@pytest.mark.parametrize("name", ["batch_size", "repeats"])
def test_bad_numbers_are_refused(model, name):
    with pytest.raises(ValueError, match=rf"`{name}` must be an integer ≥ 1 and ≤ 10000"):
        reports.savings(model, **{name: 0})
