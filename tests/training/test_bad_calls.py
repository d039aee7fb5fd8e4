"""Wrong arguments of training's functions are refused by name, before anything is trained."""

import keras
import numpy as np
import pytest

from keras_dlnotes import layers, runs, training
from keras_dlnotes.common import files
from tests import bad_calls
from tests.backends import carries_states

IMAGES = np.zeros((4, 6, 6, 2), "float32")
DATA = (
    *bad_calls.without(bad_calls.ARRAY),
    3,
    np.zeros((0, 6, 6, 2)),
    np.zeros((4, 6, 6, 3)),
    np.zeros((4, 6)),
    np.zeros(()),
    [IMAGES, IMAGES],
    {"left": IMAGES, "right": IMAGES[:2]},
    (),
    (batch for batch in [IMAGES]),
    np.full((4, 6, 6, 2), np.nan),
    np.full((4, 6, 6, 2), np.inf),
)
VERBOSE = (*bad_calls.without(bad_calls.COUNT, 0, True), 3)


def convolutions():
    model = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(3, 3), layers.BatchNormalization()]
    )
    model.compile("sgd", "mse")
    return model


def recurrent():
    model = keras.Sequential(
        [keras.Input((None, 1)), layers.GRU(3, return_sequences=True), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    return model


STREAM = np.zeros((2, 6, 1), "float32")
STREAMS = (
    *bad_calls.NOTHING,
    *bad_calls.TEXTS,
    *bad_calls.NUMBERS,
    *bad_calls.UNREAL,
    [],
    (),
    (STREAM,),
    (STREAM, STREAM[:1]),
    (STREAM, STREAM[:, :3]),
    (STREAM[0, :, 0], STREAM[0, :, 0]),
    (STREAM[:, :0], STREAM[:, :0]),
    (STREAM[:0], STREAM[:0]),
    ("ab", "cd"),
    (None, STREAM),
    (STREAM, STREAM, "starts"),
    (STREAM, STREAM, np.zeros((2, 5), bool)),
    (STREAM, STREAM, np.full((2, 6), np.nan)),
    (STREAM, STREAM, np.full((2, 6), 2)),
    (STREAM, STREAM, np.full((2, 6), 0.5)),
    (STREAM, STREAM, np.full((2, 6), "a")),
    (STREAM * 1j, STREAM),
    (STREAM.astype(object), STREAM),
    [(STREAM, STREAM), (STREAM[:1], STREAM[:1])],
)
ARRAYS = (
    *bad_calls.NOTHING,
    *bad_calls.TEXTS,
    *bad_calls.NUMBERS,
    (),
    (np.zeros(3), np.zeros(4)),
    (np.zeros(()), np.zeros(())),
    (np.zeros((0, 2)), np.zeros(0)),
    (np.zeros(3), None),
    ("abc", np.zeros(3)),
    (np.zeros(3), np.array([object()] * 3)),
    {"x": np.zeros(3)},
)
CALLBACKS = (*bad_calls.NOTHING, "three", 3, [3], ["csv"], keras.callbacks.Callback)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("model", bad_calls.models()),
        ("data", DATA),
        ("batch_size", bad_calls.without(bad_calls.COUNT, None)),
        ("verbose", VERBOSE),
    ],
)
def test_recompute_statistics(argument, values):
    model = convolutions()
    before = model.get_weights()
    right = {"model": model, "data": IMAGES, "batch_size": 2, "verbose": 0}
    bad_calls.assert_refused(training.recompute_statistics, right, argument, values)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("data", (*bad_calls.NOTHING, "three", 3, 2.5, [], (), [IMAGES, IMAGES[:2]])),
        ("every", bad_calls.without(bad_calls.COUNT, None)),
        ("batch_size", bad_calls.without(bad_calls.COUNT, None)),
        ("verbose", VERBOSE),
    ],
)
def test_the_callback_refuses_when_it_is_made(argument, values):
    right = {"data": IMAGES, "every": 1, "batch_size": 2, "verbose": 0}
    bad_calls.assert_refused(training.RecomputeStatistics, right, argument, values)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("model", bad_calls.models()),
        ("tolerance", bad_calls.FRACTION),
        ("only_cheaper", bad_calls.FLAG),
    ],
)
def test_separate_convolutions(argument, values):
    right = {"model": convolutions(), "tolerance": 0.5, "only_cheaper": True}
    bad_calls.assert_refused(training.separate_convolutions, right, argument, values)


@carries_states
@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("model", (*bad_calls.models(), convolutions)),
        ("stream", STREAMS),
        ("window", bad_calls.COUNT),
        ("epochs", bad_calls.COUNT),
        ("initial_epoch", bad_calls.INDEX),
        ("callbacks", bad_calls.without(CALLBACKS, None)),
        ("validation_data", ("three", 3, 2.5, True, object(), (STREAM, STREAM[:1]))),
        ("validation_batch_size", bad_calls.without(bad_calls.COUNT, None)),
        ("verbose", VERBOSE),
    ],
)
def test_fit_truncated(argument, values):
    model = recurrent()
    before = model.get_weights()
    right = {"model": model, "stream": (STREAM, STREAM), "window": 3, "verbose": 0}
    bad_calls.assert_refused(training.fit_truncated, right, argument, values)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("model", (*bad_calls.models(), keras.Sequential([keras.Input((2,))]))),
        ("training", ARRAYS),
        ("validation", bad_calls.without(ARRAYS, None)),
        ("folder", (*bad_calls.NOTHING, *bad_calls.TEXTS, 3, [])),
        ("epochs", bad_calls.COUNT),
        ("batch_size", bad_calls.COUNT),
        ("seed", bad_calls.INDEX),
        ("patience", bad_calls.INDEX),
        ("monitor", (*bad_calls.TEXT, "")),
        ("mode", bad_calls.CHOICE),
        ("batches", bad_calls.CALLABLE),
        ("callbacks", bad_calls.without(CALLBACKS, None)),
        ("fit", bad_calls.without(bad_calls.CALLABLE, None)),
        ("carry_states", bad_calls.FLAG),
        ("verbose", VERBOSE),
    ],
)
def test_fit_resumable(argument, values, tmp_path):
    model = convolutions()
    with runs.RunFolder(tmp_path / "run", {}) as folder:
        right = {
            "model": model,
            "training": (IMAGES, IMAGES[:, :4, :4, :1]),
            "validation": (IMAGES, IMAGES[:, :4, :4, :1]),
            "folder": folder,
            "epochs": 1,
            "batch_size": 2,
            "seed": 0,
            "patience": 1,
            "verbose": 0,
        }
        bad_calls.assert_refused(runs.fit_resumable, right, argument, values)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_folder_that_was_not_entered_is_refused(tmp_path):
    folder = runs.RunFolder(tmp_path / "run", {})
    with pytest.raises(
        ValueError, match="Argument `folder` must be a RunFolder inside its `with` block"
    ):
        runs.fit_resumable(
            convolutions(),
            (IMAGES, IMAGES),
            (IMAGES, IMAGES),
            folder,
            epochs=1,
            batch_size=2,
            seed=0,
            patience=1,
        )


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("path", bad_calls.PATH),
        ("settings", (*bad_calls.MAPPING, {"a": object()}, {"a": {1, 2}}, {1: 2})),
        ("defaults", (*bad_calls.without(bad_calls.MAPPING, None), {"a": object()})),
        ("resume", bad_calls.FLAG),
        ("overwrite", bad_calls.FLAG),
        ("wait", bad_calls.NOT_NEGATIVE),
    ],
)
def test_run_folder(argument, values, tmp_path):
    right = {"path": tmp_path / "run", "settings": {"a": 1}}
    bad_calls.assert_refused(runs.RunFolder, right, argument, values)


@pytest.mark.parametrize("batches", [runs.ShuffledBatches, runs.ConsecutiveBatches])
@pytest.mark.parametrize(
    ("argument", "values"),
    [("arrays", ARRAYS), ("batch_size", bad_calls.COUNT), ("seed", bad_calls.INDEX)],
)
def test_batches(batches, argument, values):
    right = {"arrays": (np.zeros((3, 2)), np.zeros(3)), "batch_size": 2, "seed": 0}
    bad_calls.assert_refused(batches, right, argument, values)


@pytest.mark.parametrize("batches", [runs.ShuffledBatches, runs.ConsecutiveBatches])
def test_batches_have_numbers_and_epochs_too(batches):
    found = batches((np.arange(5), np.arange(5)), 2, 0)
    for index in (-1, len(found), 2**40):
        with pytest.raises(IndexError, match=rf"Batch {index} .* {len(found)} batches"):
            found[index]
    for epoch in bad_calls.INDEX:
        with pytest.raises(ValueError, match="Argument `epoch` must be an integer ≥ 0"):
            found.epoch = epoch


@pytest.mark.parametrize(
    ("function", "argument", "values"),
    [
        (files.write_json, "path", bad_calls.PATH),
        (files.write_json, "value", (object(), {1, 2}, 1j, b"a", {"a": object()})),
        (lambda path: files.atomic_path(path).__enter__(), "path", bad_calls.PATH),
        (runs.run_state, "folder", (*bad_calls.NOTHING, *bad_calls.TEXTS, 3, [])),
    ],
    ids=["write_json-path", "write_json-value", "atomic_path-path", "run_state-folder"],
)
def test_files(function, argument, values, tmp_path):
    right = {"path": tmp_path / "file.json", "value": 1} if "value" in str(argument) else {}
    if function is files.write_json:
        right = {"path": tmp_path / "file.json", "value": 1}
    bad_calls.assert_refused(function, right, argument, values)
    assert not list(tmp_path.iterdir())
