import random
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_dlnotes import data
from keras_dlnotes.data.digits import Digits

# Says when it is about to load, waits for a line, loads, and prints the size; ends with status 3
# at the first look-up, connection or message of any of Python's sockets.
LOAD_ON_DEMAND = """
import os, random, sys

def forbid(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        os.write(2, f"{event} {arguments}".encode())
        os._exit(3)

sys.addaudithook(forbid)
from keras_dlnotes import data
assert "tensorflow_datasets" not in sys.modules
import tensorflow
random.seed(0)
print("ready", flush=True)
sys.stdin.readline()
print(len(data.load("digits", "test", sys.argv[1])["label"]))
"""

# Is killed in the middle of a preparation, with the lock held.
PREPARE_AND_HANG = """
import sys, time
from keras_dlnotes import data
from keras_dlnotes.data.digits import Digits

def hang(self, columns):
    yield 0, {feature: values[0] for feature, values in columns.items()}
    print("prepares", file=sys.__stdout__, flush=True)
    time.sleep(600)

Digits._generate_examples = hang
data.load("digits", data_dir=sys.argv[1])
"""


def test_split_takes_slices_of_tfds(data_dir):
    whole = data.load("digits", "train", data_dir)
    slices = [data.load("digits", split, data_dir) for split in ("train[:80%]", "train[80%:]")]
    for feature, values in whole.items():
        joined = np.concatenate([columns[feature] for columns in slices])
        np.testing.assert_array_equal(joined, values)
    assert len(slices[0]["label"]) == round(0.8 * len(whole["label"]))


@pytest.mark.parametrize("split", ["training", "train[:x]", "train[:0]", "", 3, ["train", "test"]])
def test_bad_split_names_the_good_ones(split, data_dir):
    with pytest.raises(ValueError, match=r"Argument `split` must be one of 'train', 'validation'"):
        data.load("digits", split, data_dir)


def test_builder_serves_pipelines(data_dir):
    builder = data.builder("digits", data_dir)
    image, label = next(iter(builder.as_dataset(split="test", as_supervised=True).batch(7)))
    assert image.shape == (7, 8, 8, 1)
    assert label.shape == (7,)
    assert builder.info.file_format.value == "tfrecord"


def test_preparation_is_silent_and_leaves_random_numbers_alone(tmp_path, capfd, caplog):
    random.seed(1)
    np.random.seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).random()
    data.load("digits", data_dir=tmp_path)

    assert (random.random(), np.random.random()) == expected
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_second_load_reads_what_the_first_prepared(tmp_path):
    path = data.builder("digits", tmp_path).data_path
    before = {entry.name: entry.stat().mtime for entry in path.iterdir()}
    data.load("digits", data_dir=str(tmp_path))
    assert {entry.name: entry.stat().mtime for entry in path.iterdir()} == before


@pytest.mark.parametrize("harm", ["no info", "no records", "short records"])
def test_half_prepared_folder_is_prepared_again(harm, data_dir, tmp_path):
    prepared = data.builder("digits", data_dir).data_path
    broken = tmp_path / "dlnotes_digits" / prepared.name
    shutil.copytree(prepared, broken)
    if harm == "no info":
        (broken / "dataset_info.json").unlink()
    else:
        (records,) = broken.glob("*-train.*")
        content = records.read_bytes()
        records.unlink()
        if harm == "short records":
            records.write_bytes(content[:-1])

    assert len(data.load("digits", "train", tmp_path)["label"]) == 1222


@pytest.mark.slow
def test_two_processes_may_prepare_at_once_and_open_no_connection(start_python, tmp_path):
    processes = [start_python(LOAD_ON_DEMAND, tmp_path) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        output, errors = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, "359\n"), errors
    assert [entry.name for entry in (tmp_path / "dlnotes_digits").iterdir()] == ["1.0.0"]


@pytest.mark.slow
def test_killed_preparation_hinders_nobody(start_python, tmp_path):
    process = start_python(PREPARE_AND_HANG, tmp_path)
    assert process.stdout.readline() == "prepares\n", process.stderr.read()
    process.kill()
    process.wait()
    (leftover,) = (tmp_path / "dlnotes_digits").iterdir()
    assert leftover.name.startswith("incomplete.")

    assert len(data.load("digits", "test", tmp_path)["label"]) == 359
    assert [entry.name for entry in (tmp_path / "dlnotes_digits").iterdir()] == ["1.0.0"]


def test_unwritable_folder_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(data.DataUnavailableError) as caught:
        data.load("digits", data_dir=tmp_path / "file" / "below")
    message = str(caught.value)
    assert message.startswith(f"Data set 'digits' cannot be prepared in {tmp_path}/file/below (")
    assert message.endswith("`data_dir`, or in the environment variable TFDS_DATA_DIR.")
    assert "\n" not in message


def test_full_disk_is_one_clear_sentence(tmp_path, monkeypatch):
    def fill_the_disk(self):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(tfds.core.writer.Writer, "finalize", fill_the_disk)
    with pytest.raises(data.DataUnavailableError) as caught:
        data.load("digits", data_dir=tmp_path)
    assert "No space left on device): give another folder" in str(caught.value)


def test_error_of_a_builder_is_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    def err(self):
        raise RuntimeError("an error of its own")

    monkeypatch.setattr(Digits, "examples", err)
    with pytest.raises(RuntimeError, match="an error of its own") as caught:
        data.load("digits", data_dir=tmp_path)
    assert not isinstance(caught.value, data.DataUnavailableError)
