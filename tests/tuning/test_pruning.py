"""The rules of pruning against literal ones, and the searches that refuse them."""

import math

import keras
import keras_tuner
import numpy as np
import pytest

from keras_dlnotes import tuning
from keras_dlnotes.runs.records import RunFolderError
from keras_dlnotes.tuning import HalvingPruning, MedianPruning
from keras_dlnotes.tuning.folder import TrialOutcome
from keras_dlnotes.tuning.records import TrialRecord, best_first
from tests.tuning import custom_fits
from tests.tuning.in_process import stay_in_process

EPOCHS, TRIALS = 6, 12
SCORES = np.random.default_rng(3).normal(size=(TRIALS, EPOCHS)).round(3)
SCORES[2, 3] = SCORES[7, 1] = math.nan


class Scripted(keras.callbacks.Callback):
    """Logs the scores of the trial's level."""

    def on_epoch_end(self, epoch, logs=None):
        logs["score"] = float(SCORES[int(self.model.name.removeprefix("level")), epoch])


def build(hp):
    name = f"level{hp.Choice('level', list(range(TRIALS)))}"
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)], name=name)
    model.compile("sgd", "mse", jit_compile=False)
    return model


def search(folder, table, tuner="grid", direction="min", hypermodel=build, **settings):
    training, validation = table
    return tuning.search(
        hypermodel,
        tuner,
        objective=keras_tuner.Objective("score", direction),
        training=training,
        validation=validation,
        callbacks=[Scripted()],
        epochs=EPOCHS,
        directory=folder,
        **settings,
    )


def best_of(values, direction):
    """The best value; None if there is none but NaN."""
    found = None
    for value in values:
        if math.isnan(value):
            continue
        if found is None or (value < found if direction == "min" else value > found):
            found = value
    return found


def is_worse(one, other, direction):
    if one is None or other is None:
        return one is None and other is not None
    return one > other if direction == "min" else one < other


def median_rule(own, others, epochs, direction, startup_trials=5, warmup_epochs=1):
    if epochs < warmup_epochs or len(others) < startup_trials:
        return False
    worst = math.inf if direction == "min" else -math.inf
    ranks = sorted(worst if value is None else value for value in others)
    middle = (ranks[(len(ranks) - 1) // 2] + ranks[len(ranks) // 2]) / 2
    return is_worse(own, middle, direction)


def halving_rule(own, others, epochs, direction, factor=3, min_epochs=1):
    if epochs not in [min_epochs * factor**k for k in range(10)]:
        return False
    better = sum(is_worse(own, value, direction) for value in others)
    return better > max(1, (len(others) + 1) // factor) - 1


def lengths(rule, direction, **arguments):
    """The number of epochs of each trial, of which one is trained after the other."""
    found = []
    for level in range(TRIALS):
        done = EPOCHS
        for epochs in range(1, EPOCHS):
            others = [
                best_of(SCORES[other, :epochs], direction)
                for other in range(level)
                if found[other] >= epochs
            ]
            own = best_of(SCORES[level, :epochs], direction)
            if rule(own, others, epochs, direction, **arguments):
                done = epochs
                break
        found.append(done)
    return found


RULES = [
    ("median", median_rule, {}),
    (MedianPruning(2, 3), median_rule, {"startup_trials": 2, "warmup_epochs": 3}),
    ("halving", halving_rule, {}),
    (HalvingPruning(2, 2), halving_rule, {"factor": 2, "min_epochs": 2}),
]


@pytest.mark.sampled
@pytest.mark.parametrize("direction", ["min", "max"])
@pytest.mark.parametrize(("pruning", "rule", "arguments"), RULES)
def test_trials_have_the_epochs_of_the_literal_rule(
    pruning, rule, arguments, direction, table, tmp_path, monkeypatch, quick
):
    stay_in_process(monkeypatch)
    results = search(tmp_path, table, direction=direction, pruning=pruning)
    frame = results.to_frame()
    expected = lengths(rule, direction, **arguments)
    assert 2 < sum(count < EPOCHS for count in expected) < TRIALS
    by_level = frame.sort_values("level").groupby("level")
    assert [len(rows) for _, rows in by_level] == expected
    statuses = ["PRUNED" if count < EPOCHS else "COMPLETED" for count in expected]
    assert [rows["status"].iloc[0] for _, rows in by_level] == statuses
    scores = by_level["score"].min() if direction == "min" else by_level["score"].max()
    assert results.best_score == (scores.min() if direction == "min" else scores.max())
    assert len(results.pruned) == statuses.count("PRUNED")
    assert f"{len(results.pruned)} of {TRIALS} trials were pruned." in results.remarks


def test_nan_is_worse_than_any_number():
    assert MedianPruning(2).threshold([math.inf, 0.5, 0.25], 1) == 0.5
    assert MedianPruning(2).threshold([math.inf, math.inf], 1) == math.inf
    assert median_rule(None, [None, 0.5, 0.25], 1, "max", startup_trials=2)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_the_first_trials_of_halving(factor):
    rule = HalvingPruning(factor)
    assert rule.threshold([], 1) is None
    for count in range(1, 3 * factor):
        places = sorted(range(count))[: max(1, (count + 1) // factor)]
        assert rule.threshold(list(range(count))[::-1], factor) == places[-1]


@pytest.mark.thorough
def test_a_rule_is_a_setting_of_the_search(table, tmp_path, monkeypatch, quick):
    stay_in_process(monkeypatch)
    settings = {"max_trials": 4, "pruning": MedianPruning(2)}
    whole = search(tmp_path / "whole", table, **settings | {"max_trials": 8}).to_frame()
    search(tmp_path / "search", table, **settings)
    with pytest.raises(RunFolderError, match="pruning="):
        search(tmp_path / "search", table, max_trials=8, pruning="median")
    resumed = search(tmp_path / "search", table, max_trials=8).to_frame()
    columns = ["trial", "status", "epoch", "score"]
    assert resumed[columns].equals(whole[columns])
    assert set(whole["status"]) == {"PRUNED", "COMPLETED"}
    search(tmp_path / "none", table, max_trials=2)
    with pytest.raises(RunFolderError, match="pruning=None, not pruning="):
        search(tmp_path / "none", table, max_trials=2, pruning="median")


def record(name, score, executions, pruned=False):
    outcome = TrialOutcome("COMPLETED", {}, {"score": score}, pruned=pruned)
    return TrialRecord(name, {}, outcome, {number: [{}] for number in range(executions)})


@pytest.mark.parametrize(("direction", "sign"), [("min", 1), ("max", -1)])
def test_a_trial_pruned_before_its_last_execution_comes_last(direction, sign):
    trials = [
        record("0", sign * 1.0, executions=2, pruned=True),
        record("1", sign * 0.2, executions=1, pruned=True),
        record("2", sign * 0.1, executions=1, pruned=True),
        record("3", sign * 2.0, executions=2),
    ]
    assert [one.name for one in best_first(trials, "score", direction, 2)] == list("0321")
    assert [one.name for one in best_first(trials, "score", direction, 1)] == list("2103")


@pytest.mark.parametrize("pruning", ["medium", True, 3, MedianPruning, {"rule": "median"}])
def test_a_rule_that_does_not_exist_is_named(pruning, table, tmp_path):
    with pytest.raises(ValueError, match="`pruning` must be 'median', 'halving', a MedianPruning"):
        search(tmp_path, table, pruning=pruning)


def test_hyperband_prunes_itself(table, tmp_path):
    with pytest.raises(ValueError, match="`pruning` must be None for Hyperband"):
        search(tmp_path, table, "hyperband", pruning="median")


def test_a_function_has_no_epochs(tmp_path):
    with pytest.raises(ValueError, match="`pruning` must be None for a function"):
        tuning.search(lambda hp: 0.0, "random", directory=tmp_path, pruning="median")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", ["ReturnsBest", "TrainsTwice", "OwnLoop", "HidesCallbacks"])
def test_a_fit_that_is_more_than_a_training_is_refused(kind, table, tmp_path, monkeypatch):
    stay_in_process(monkeypatch)
    with pytest.raises(ValueError, match=r"`pruning` must be None for a HyperModel\.fit that"):
        tuning.search(
            getattr(custom_fits, kind)(),
            "grid",
            training=(custom_fits.INPUTS, custom_fits.TARGETS),
            validation=custom_fits.VALIDATION,
            directory=tmp_path,
            pruning="median",
        )


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [
        (MedianPruning, {"startup_trials": 0}),
        (MedianPruning, {"warmup_epochs": 0.5}),
        (HalvingPruning, {"factor": 1}),
        (HalvingPruning, {"min_epochs": "1"}),
    ],
)
def test_an_argument_out_of_range_is_named(rule, arguments):
    with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be"):
        rule(**arguments)
