"""A search goes on with the data, model and space that it began with, and in a folder of a name."""

import functools
import json

import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tasks
from keras_dlnotes.runs import RunFolderError
from keras_dlnotes.tuning.arguments import make_recipe, search_path
from keras_dlnotes.tuning.fingerprints import difference, fingerprint
from keras_dlnotes.tuning.recipes import check_hypermodel
from keras_dlnotes.tuning.space_check import what_differs
from tests.tuning.custom_fits import Line

WIDTHS = np.arange(12.0).reshape(4, 3)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ((WIDTHS, WIDTHS), None),
        ((np.asfortranarray(WIDTHS), WIDTHS), None),
        ((np.repeat(WIDTHS, 2, axis=1)[:, ::2], WIDTHS), None),
        ((WIDTHS[:3], WIDTHS), "the inputs have shape (3, 3), not (4, 3)"),
        ((WIDTHS, WIDTHS.astype("float32")), "the targets are float32, not float64"),
        ((WIDTHS, WIDTHS[::-1]), "the targets have other values"),
        ((WIDTHS,), "there are inputs, not inputs, targets"),
        (
            (WIDTHS, WIDTHS, WIDTHS),
            "there are inputs, targets, sample weights, not inputs, targets",
        ),
        (({"a": WIDTHS}, WIDTHS), "there are inputs['a'], targets, not inputs, targets"),
    ],
)
def test_data_are_told_from_others(now, told):
    earlier = json.loads(json.dumps(fingerprint((WIDTHS, WIDTHS))))
    assert difference(earlier, fingerprint(now)) == told


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array(["a", "bc"], object), np.array(["ab", "c"], object)),
        (np.array(["a"], object), np.array([b"a"], object)),
        (np.array(["a", "b"]), np.array(["b", "a"])),
        (np.array([True, False]), np.array([False, True])),
        (np.zeros(3), -np.zeros(3)),
        (np.ones((2**21 + 1, 2)), np.concatenate([np.ones((2**21, 2)), np.zeros((1, 2))])),
    ],
)
def test_every_value_counts(one, other):
    assert difference(fingerprint((one,)), fingerprint((one.copy(),))) is None
    assert difference(fingerprint((one,)), fingerprint((other,))) == "the inputs have other values"


def test_a_memory_map_is_the_array_that_it_holds(tmp_path):
    np.save(tmp_path / "array.npy", WIDTHS)
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    assert difference(fingerprint((WIDTHS,)), fingerprint((mapped,))) is None


def test_tasks_of_ours_are_known_by_the_names_of_their_data():
    digits = tasks.get("digits")
    assert make_recipe("digits").has_known_data and make_recipe(digits).has_known_data
    own = type(digits)(**{**vars(digits), "name": "mine"})
    assert not make_recipe(own).has_known_data


def build(hp):
    raise AssertionError("nothing is built")


class Callable:
    def __call__(self, hp):
        raise AssertionError("nothing is built")

    def build(self, hp):
        raise AssertionError("nothing is built")


@pytest.mark.parametrize(
    ("hypermodel", "name"),
    [
        (build, "build"),
        (functools.partial(build), "build"),
        (functools.partial(Callable()), "Callable"),
        (Callable(), "Callable"),
        (Callable().build, "build"),
        (Line(), "Line"),
        (Line(name="two words"), "two words"),
    ],
)
def test_a_folder_is_called_as_what_is_searched(hypermodel, name):
    assert search_path(None, check_hypermodel(hypermodel)).parts == ("searches", name)


UNNAMED = ("a/b", "..", ".", "a\\b", "a:b", "a*", "NUL", "com1.x", "a.", "a ", "a\n", "a" * 300)


@pytest.mark.parametrize(
    "hypermodel",
    [lambda hp: None, functools.partial(lambda hp: None), *(Line(name=name) for name in UNNAMED)],
)
def test_what_has_no_name_for_a_folder_needs_one_that_is_given(hypermodel, tmp_path):
    name = check_hypermodel(hypermodel)
    with pytest.raises(ValueError, match="`directory` must be given, since"):
        search_path(None, name)
    assert search_path(tmp_path, name) == tmp_path


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        (
            {"training_data": fingerprint((-WIDTHS,))},
            "other training data: the inputs have other values",
        ),
        ({"validation_data": []}, "other validation data: there are none, not inputs"),
        (
            {"model": "2 weights of 3 numbers"},
            "another model: the default has 2 weights of 3",
        ),
        ({"model": None}, None),
        ({"space": {"space": [], "values": {}}}, "another search space; what differs: units"),
    ],
)
def test_what_differs_is_told(changed, told):
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [1, 2])
    earlier = {
        "space": hp.get_config(),
        "training_data": fingerprint((WIDTHS,)),
        "validation_data": fingerprint((WIDTHS,)),
        "model": "4 weights of 9 numbers",
    }
    found = what_differs(earlier, earlier | changed)
    assert found is None if told is None else found.startswith(told)
    assert what_differs({}, earlier) is None


@pytest.mark.thorough
def test_a_search_of_other_data_is_refused_and_one_without_a_record_goes_on(
    search_table, table, tmp_path
):
    directory = tmp_path / "search"
    first = search_table(directory, max_trials=1, epochs=1)
    inputs, targets = table[0]
    told = "was started with other training data: the targets have other values"
    with pytest.raises(RunFolderError, match=told):
        search_table(directory, max_trials=1, epochs=1, training=(inputs, -targets))
    path = directory / "search.json"
    content = json.loads(path.read_text())
    for name in ("model", "training_data", "validation_data", "asked"):
        del content["settings"][name]  # as an earlier version wrote it
    content.pop("checksum", None)
    path.write_text(json.dumps(content))
    assert search_table(directory, max_trials=1, epochs=1).best_score == first.best_score
