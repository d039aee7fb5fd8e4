"""Optuna's sampler as an oracle: finds what random search finds later, and keeps no state."""

import keras_tuner
import pytest

from keras_dlnotes.common.extras import MissingPackageError
from keras_dlnotes.tuning.folder import COMPLETED, FAILED, TrialOutcome, write_outcome
from keras_dlnotes.tuning.oracles import make_oracle

OBJECTIVE = keras_tuner.Objective("val_loss", "min")


def space():
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", 1e-5, 1.0, sampling="log")
    hp.Int("units", 1, 100)
    hp.Choice("kind", ["a", "b", "c"])
    hp.Choice("size", [1, 2, 4], ordered=True)
    hp.Boolean("bias")
    hp.Fixed("depth", 3)
    with hp.conditional_scope("kind", ["b"]):
        hp.Int("inner", 0, 10, step=5)
    return hp


def loss_of(values):
    return abs(values["units"] - 70) / 100 + (values["kind"] != "b") + 0.2 * values["bias"]


def oracle_in(folder, tuner="tpe", seed=0, trials=40, space=space, **arguments):
    folder.mkdir(exist_ok=True)
    oracle = make_oracle(
        tuner,
        OBJECTIVE,
        space(),
        max_trials=trials,
        epochs=1,
        seed=seed,
        folder=folder,
        arguments=arguments,
    )
    oracle.reload()
    return oracle


def run(oracle, count=None, loss=loss_of):
    """The values of so many trials, or of all that are left, and their losses."""
    found = []
    while len(found) != count and (trial := oracle.create_trial("worker")).status == "RUNNING":
        values = trial.hyperparameters.values
        score = loss(values)
        config = trial.hyperparameters.get_config()
        outcome = (
            TrialOutcome(FAILED, config, message="no")
            if score is None
            else TrialOutcome(COMPLETED, config, {"val_loss": score})
        )
        write_outcome(oracle.folder, trial.trial_id, outcome)
        oracle.end_trial(trial)
        found.append((dict(values), score))
    return found


def test_values_are_those_of_the_space(tmp_path):
    for values, _ in run(oracle_in(tmp_path)):
        assert 1e-5 <= values["rate"] <= 1.0
        assert values["units"] in range(1, 101) and values["depth"] == 3
        assert values["kind"] in "abc" and values["size"] in (1, 2, 4)
        assert isinstance(values["bias"], bool)
        assert ("inner" in values) == (values["kind"] == "b")
        assert values.get("inner", 0) in (0, 5, 10)


@pytest.mark.thorough
def test_it_finds_better_ones_than_random_search(tmp_path):
    """Of what comes after the random trials, the mean loss, over three seeds."""

    def late(tuner):
        losses = [
            loss
            for seed in range(3)
            for _, loss in run(oracle_in(tmp_path / f"{tuner}{seed}", tuner, seed))[15:]
        ]
        return sum(losses) / len(losses)

    assert late("tpe") < 0.6 * late("random")


@pytest.mark.thorough
def test_a_search_that_was_left_goes_on_alike(tmp_path):
    whole = run(oracle_in(tmp_path / "whole"))
    halves = run(oracle_in(tmp_path / "halves"), 17) + run(oracle_in(tmp_path / "halves"))
    assert whole == halves


def test_failed_trials_tell_nothing(tmp_path):
    found = run(oracle_in(tmp_path), loss=lambda values: None if values["bias"] else 1.0)
    assert len(found) == 40


def small():
    hp = keras_tuner.HyperParameters()
    hp.Choice("units", [1, 2, 3])
    hp.Boolean("bias")
    return hp


def test_every_configuration_of_a_small_space_is_tried_once(tmp_path):
    found = [
        tuple(values.values()) for values, _ in run(oracle_in(tmp_path, space=small), loss=_one)
    ]
    assert len(found) == len(set(found)) == 6


def _one(values):
    return 1.0


def test_a_missing_package_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_dlnotes.common.extras.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"keras_dlnotes\[tpe\]"):
        oracle_in(tmp_path)
