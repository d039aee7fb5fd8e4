"""A finished search's folder, made without a process of its own: 2 trials trained, 1 failed."""

import json
import math
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

from keras_dlnotes.runs.checkpoints import Checkpoints
from keras_dlnotes.runs.folder import CHECKPOINTS
from keras_dlnotes.runs.records import read_or_quarantine
from keras_dlnotes.tasks import Splits
from keras_dlnotes.tuning import Results
from keras_dlnotes.tuning.folder import (
    FAILED,
    SearchFolder,
    TrialOutcome,
    execution_path,
    write_outcome,
)
from keras_dlnotes.tuning.oracles import make_oracle
from keras_dlnotes.tuning.recipes import HyperModelRecipe
from keras_dlnotes.tuning.records import Records
from keras_dlnotes.tuning.trials import TrialSettings, run_trial

OBJECTIVE = keras_tuner.Objective("val_loss", "min")
TRIAL_SETTINGS = TrialSettings(OBJECTIVE, 2, 0)
EPOCHS = 2


def build(hp):
    units = hp.Choice("units", [2, 4], default=4)
    hp.Int("steps", 1, 9)
    if hp.Boolean("deep", default=True):
        with hp.conditional_scope("deep", [True]):
            hp.Float("rate", 1e-3, 1e-1, sampling="log")
    hp.Fixed("kind", "plain")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    return model


def space() -> keras_tuner.HyperParameters:
    hp = keras_tuner.HyperParameters()
    build(hp)
    hp.values = {}
    return hp


def settings() -> dict[str, Any]:
    return {
        "task": "build",
        "data": None,
        "tuner": "random",
        "tuner_arguments": {},
        "max_trials": 3,
        "objective": "val_loss",
        "direction": "min",
        "epochs": EPOCHS,
        "batch_size": 8,
        "patience": None,
        "executions": 2,
        "seed": 0,
        "backend": keras.backend.backend(),
    }


def recipe() -> HyperModelRecipe:
    inputs = np.random.default_rng(0).normal(size=(16, 2)).astype("float32")
    splits = Splits((inputs, inputs[:, :1]), (inputs, inputs[:, :1]), None)
    return HyperModelRecipe(
        name="build", epochs=EPOCHS, batch_size=8, hypermodel=build, splits=splits
    )


def oracle_of(folder: Path, tuner: str = "random") -> Any:
    oracle = make_oracle(
        tuner,
        OBJECTIVE,
        space(),
        max_trials=3,
        epochs=EPOCHS,
        seed=0,
        folder=folder,
        arguments={"num_initial_points": 2} if tuner == "bayesian" else {},
    )
    oracle._set_project_dir(str(folder.parent), folder.name)
    oracle.reload()
    return oracle


def make_search(folder: Path, tuner: str = "random", is_trained: bool = True) -> None:
    """Makes the folder; where nothing is trained, the trials have outcomes alone."""
    with SearchFolder(folder, settings() | {"tuner": tuner}) as search:
        search.settings["space"] = space().get_config()
        search.begin()
        oracle = oracle_of(folder, tuner)
        while (trial := oracle.create_trial("worker0")).status == "RUNNING":
            hp = trial.hyperparameters
            if int(trial.trial_id) == 2:
                outcome = TrialOutcome(FAILED, hp.get_config(), message="Traceback\nValueError: no")
            elif is_trained:
                ours = recipe()
                outcome = run_trial(ours, hp, TRIAL_SETTINGS, folder, trial.trial_id)
            else:
                loss = math.sqrt(1 + int(trial.trial_id))
                metrics = {"val_loss": loss, "loss": 0.1}
                outcome = TrialOutcome("COMPLETED", hp.get_config(), metrics, 1)
            write_outcome(folder, trial.trial_id, outcome)
            oracle.end_trial(trial)


def answer(folder: Path) -> Any:
    """Returns what a reader of the folder is told, but for the times."""
    results = Results(folder)
    trials = json.loads(results.to_json())
    for trial in trials["trials"]:
        trial.pop("seconds")
    stopping = None
    if results._trials[0].histories:
        path = execution_path(folder, results.best_trial, results._best_number)
        stopping = Checkpoints(path / CHECKPOINTS).read().early_stopping
    best = results.best_hyperparameters.get_config()
    return trials, results.direction, results.best_trial, best, results.failures, stopping


def go_on(folder: Path, tuner: str = "random") -> Any:
    """Does what a search does that goes on in the folder, and returns what its oracle knows."""
    with SearchFolder(folder, settings() | {"tuner": tuner}, resume=True) as search:
        Records(folder, "val_loss", read_or_quarantine).read()
        oracle = oracle_of(folder, tuner)
        if not (folder / "search.json").exists():
            search.begin()
    assert not oracle._retry_queue and not oracle.ongoing_trials
    trials = [oracle.trials[name].get_state() for name in oracle.start_order]
    return json.loads(json.dumps([trials, sorted(oracle.end_order)]))
