"""Wrong arguments of a search are refused by name, before a process is started."""

import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tuning
from tests import bad_calls


def build(hp):
    raise AssertionError("nothing may be built")


ARRAYS = (np.zeros((4, 2)), np.zeros(4))
FAULTY_ARRAYS = (
    *(*bad_calls.without(bad_calls.CHOICE, None), (), (ARRAYS[0],), (*ARRAYS, *ARRAYS)),
    *((ARRAYS[0], ARRAYS[1][:2]), ("ab", "cd"), (np.zeros(()), np.zeros(())), (None, None)),
    (np.zeros((0, 2)), np.zeros(0)),
)
WRONG = {
    "tuner": bad_calls.CHOICE,
    "max_trials": bad_calls.without(bad_calls.COUNT, None),
    "objective": (
        *(*bad_calls.without(bad_calls.CHOICE, None), keras_tuner.Objective("val_loss", "up")),
        keras_tuner.Objective(3, "min"),
    ),
    "epochs": bad_calls.without(bad_calls.COUNT, None),
    "batch_size": bad_calls.without(bad_calls.COUNT, None),
    "patience": bad_calls.without(bad_calls.COUNT, None),
    "executions_per_trial": (*bad_calls.COUNT, 2**40),
    "tuner_arguments": (
        *(*bad_calls.without(bad_calls.MAPPING, None), {"a": 1}, {"seed": 1}, {3: 1}),
        *({"factor": "4"}, {"factor": 1}, {"factor": 2.5}, {"hyperband_iterations": object()}),
        *({"hyperband_iterations": None}, {"hyperparameters": {}}, {"tune_new_entries": False}),
        *({"allow_new_entries": False}, {"tune_new_entries": 1}, {"max_retries_per_trial": -1}),
        *({"objective": "loss"}, {"max_trials": 3}, {"max_epochs": 3}, {"alpha": 1.0}),
        {"max_consecutive_failed_trials": 3},
    ),
    "max_consecutive_failures": bad_calls.COUNT,
    "seed": (*bad_calls.INDEX, 2**32, 2**40),
    "workers": (*bad_calls.COUNT, 2**40),
    "chief": ("", "host", ":80", "host:", "host:0", "host:port", "host:99999", 3, b"a:1", ["a:1"]),
    "directory": bad_calls.without(bad_calls.PATH, None),
    "resume": bad_calls.FLAG,
    "overwrite": bad_calls.FLAG,
    "loggers": (*bad_calls.NOTHING, 3, "csv", [3], [None], [tuning.MLflowLogger]),
    "on_progress": bad_calls.without(bad_calls.CALLABLE, None),
}


@pytest.mark.parametrize("argument", WRONG)
def test_search(argument, tmp_path):
    right = {"task_or_hypermodel": "digits", "directory": tmp_path / "search"}
    bad_calls.assert_refused(tuning.search, right, argument, WRONG[argument])
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize(
    ("task", "argument", "values"),
    [
        ("digits", "task_or_hypermodel", (*bad_calls.CALLABLE, keras_tuner.HyperModel)),
        ("digits", "training", (ARRAYS, 3, "ab")),
        ("digits", "validation", (ARRAYS, 3, "ab")),
        ("digits", "space", bad_calls.without(bad_calls.CALLABLE, None)),
        ("digits", "data", (*bad_calls.without(bad_calls.TEXT, None), "", "digit")),
        (build, "training", (None, *FAULTY_ARRAYS)),
        (build, "validation", (None, *FAULTY_ARRAYS)),
        (build, "space", (build, 3)),
        (build, "data", ("digits", 3)),
    ],
)
def test_what_is_searched(task, argument, values, tmp_path):
    right = {"task_or_hypermodel": task, "directory": tmp_path / "search"}
    if task is build:
        right |= {"training": ARRAYS, "validation": ARRAYS}
    bad_calls.assert_refused(tuning.search, right, argument, values)
    assert not (tmp_path / "search").exists()


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("task_or_hypermodel", (*bad_calls.CALLABLE, keras_tuner.HyperModel)),
        ("chief", (None, *WRONG["chief"])),
        ("directory", bad_calls.PATH),
        ("training", (ARRAYS, 3)),
        ("validation", (ARRAYS, 3)),
        ("space", bad_calls.without(bad_calls.CALLABLE, None)),
        ("workers", WRONG["workers"]),
        ("on_progress", WRONG["on_progress"]),
    ],
)
def test_work_refuses_before_it_waits_for_a_search(argument, values, tmp_path):
    right = {"task_or_hypermodel": "digits", "chief": "host:80", "directory": tmp_path}
    bad_calls.assert_refused(tuning.work, right, argument, values)


def test_results_and_spaces_and_loggers(tmp_path):
    bad_calls.assert_refused(tuning.Results, {}, "directory", bad_calls.PATH)
    right = {"directory": tmp_path}
    bad_calls.assert_refused(tuning.Results, right, "recipe", ("digits", 3, build))
    bad_calls.assert_refused(lambda name: tuning.builder_space(name), {}, "name", bad_calls.CHOICE)
    right = {"experiment": "digits"}
    bad_calls.assert_refused(tuning.MLflowLogger, right, "experiment", (*bad_calls.TEXT, ""))
    values = (*bad_calls.without(bad_calls.TEXT, None), "")
    bad_calls.assert_refused(tuning.MLflowLogger, right, "tracking_uri", values)
