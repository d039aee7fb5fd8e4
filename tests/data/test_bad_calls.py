"""Wrong arguments of the data sets' functions are refused by name."""

import pytest

from keras_dlnotes import data
from tests import bad_calls

NAMES = (
    *(*bad_calls.CHOICE, "digit", "tfds:", "tfds:no such set", "tfds:a/b/c/d", "tfds:huge:x"),
    *("tfds:../digits", "tfds:\0", "tfds:digits[:10]", ["digits"]),
)


@pytest.mark.parametrize("function", [data.load, data.builder])
def test_names_and_folders(function, data_dir, tmp_path):
    right = {"name": "digits", "data_dir": data_dir}
    bad_calls.assert_refused(function, right, "name", NAMES)
    folders = bad_calls.without(bad_calls.PATH, None)
    bad_calls.assert_refused(function, right, "data_dir", folders)
    file = tmp_path / "notes.txt"
    file.write_text("no folder")
    bad_calls.assert_refused(function, right, "data_dir", [file], data.DataUnavailableError)


def test_splits(data_dir):
    splits = (
        *(*bad_calls.without(bad_calls.CHOICE, None), b"test", "tests", "train[", "train[:0]"),
        *("train[5:2]", "train+none", "train[nan%:]", ("train", "test"), "train[:1000%]"),
    )
    right = {"name": "digits", "data_dir": data_dir}
    bad_calls.assert_refused(data.load, right, "split", splits)


def test_cards():
    bad_calls.assert_refused(lambda name: data.card(name), {}, "name", bad_calls.CHOICE)
