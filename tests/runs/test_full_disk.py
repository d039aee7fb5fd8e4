"""A disk that is full at any write ends a run by a sentence, and takes nothing that was there."""

import errno
import io
import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_dlnotes import interop, layers, text
from keras_dlnotes.common import files
from keras_dlnotes.common.files import write_bytes, write_json, write_text
from keras_dlnotes.reports import Page
from keras_dlnotes.runs import RunFolderError, run_state, serialization
from keras_dlnotes.runs.folder import RunFolder
from tests.runs.test_resumable import assert_same_run, train

REASON = os.strerror(errno.ENOSPC)
WRITTEN = ["run.json", "history.csv", "history.csv", "epoch-2.weights.h5", "state.json"]


class FullDisk(io.FileIO):
    """A file that takes half of what is written, as the last one before a disk is full does."""

    def write(self, content):
        super().write(bytes(content)[: len(content) // 2])
        raise OSError(errno.ENOSPC, REASON)


@pytest.fixture
def full_at(monkeypatch):
    """Makes the disk full at a write, counted from 1; returns the paths that were written to."""

    def fill(number):
        opened, really_open = [], Path.open

        def open_file(path, mode="r", *arguments, **options):
            if mode in ("w", "wb"):
                opened.append(path)
                if len(opened) == number:
                    file = FullDisk(path, "wb")
                    return file if mode == "wb" else io.TextIOWrapper(file, encoding="utf-8")
            return really_open(path, mode, *arguments, **options)

        monkeypatch.setattr(Path, "open", open_file)
        return opened

    return fill


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    path = tmp_path_factory.mktemp("begun")
    train(path, epochs=1)
    return path


@pytest.mark.thorough
def test_a_run_goes_on_from_every_write_that_failed(begun, tmp_path, full_at, monkeypatch):
    whole = shutil.copytree(begun, tmp_path / "whole")
    opened = full_at(0)
    reference = whole, train(whole, epochs=2)[0]
    assert [path.name.removeprefix(files.PARTIAL) for path in opened] == WRITTEN
    for number, name in enumerate(WRITTEN, start=1):
        path = shutil.copytree(begun, tmp_path / str(number))
        full_at(number)
        with pytest.raises(RunFolderError, match=rf"{path}.*/{name}: {REASON}"):
            train(path, epochs=2)
        monkeypatch.undo()
        assert not list(path.rglob(files.PARTIAL + "*"))
        assert state_of(path).epoch == 1
        model, _ = train(path, epochs=2)
        assert_same_run(path, model, reference)


def state_of(path):
    with RunFolder(path, {}, resume=True) as folder:
        return run_state(folder)


def test_logs_that_can_not_be_written_are_told_as_files_are(begun, tmp_path):
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    logs = tmp_path / "logs"
    logs.rename(tmp_path / "elsewhere")
    logs.write_text("mine")
    with pytest.raises(RunFolderError, match="logs"):
        train(tmp_path, epochs=2)
    assert state_of(tmp_path).epoch == 1


TOKENIZER = text.RuleTokenizer().adapt(["one two"])
WRITERS = {
    "bytes": lambda path: write_bytes(path, b"new"),
    "text": lambda path: write_text(path, "new"),
    "json": lambda path: write_json(path, ["new"]),
    "page": lambda path: Page("new").write(path),
    "tokenizer": lambda path: TOKENIZER.save(path),
    "safetensors": lambda path: interop.to_torch(
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]), path=path
    ),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_writer_names_the_file_and_leaves_the_older_one(tmp_path, full_at, kind):
    path = tmp_path / ("file.safetensors" if kind == "safetensors" else "file")
    path.write_text("older")
    full_at(1)
    with pytest.raises(OSError, match=REASON) as caught:
        WRITERS[kind](path)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]


@pytest.fixture
def model():
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.BatchNormalization()]
    )
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 4, 4, 1)), np.ones((2, 2, 2, 2)))
    return model


def assert_same_values(found, expected):
    for one, other in zip(found.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other)
        )


def test_what_is_made_in_memory_is_what_keras_writes(model, tmp_path):
    path = tmp_path / "model.keras"
    write_bytes(path, serialization.model_content(model))
    loaded = keras.saving.load_model(path)
    assert_same_values(loaded, model)
    assert_same_values(loaded.optimizer, model.optimizer)

    path = tmp_path / "model.weights.h5"
    write_bytes(path, serialization.weights_content(model))
    expected = [keras.ops.convert_to_numpy(one) for one in loaded.optimizer.variables]
    for variable in (*loaded.variables, *loaded.optimizer.variables):
        variable.assign(np.zeros(variable.shape, variable.dtype))
    loaded.load_weights(path)
    assert_same_values(loaded, model)
    for variable, value in zip(loaded.optimizer.variables, expected, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable), value)


@pytest.mark.parametrize("year", [1970, 2200])
def test_a_clock_that_zip_has_no_date_for_fails_no_saving(model, tmp_path, monkeypatch, year):
    import time

    monkeypatch.setattr(time, "localtime", lambda *at: time.struct_time((year, 1, 2) + (0,) * 6))
    path = tmp_path / "model.keras"
    write_bytes(path, serialization.model_content(model))
    monkeypatch.undo()
    assert_same_values(keras.saving.load_model(path), model)


def test_a_model_that_can_not_be_saved_says_so_itself(tmp_path):
    class Strange(keras.layers.Layer):
        def get_config(self):
            raise ValueError("no config")

    model = keras.Sequential([keras.Input((1,)), Strange()])
    with pytest.raises(ValueError, match="no config"):
        serialization.model_content(model)
