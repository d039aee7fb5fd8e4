"""KerasTuner's four oracles and Optuna's sampler, which survive a kill at any moment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.oracles import (
    BayesianOptimizationOracle,
    GridSearchOracle,
    RandomSearchOracle,
)

from keras_dlnotes.common.checks import choice
from keras_dlnotes.tuning.brackets import Brackets
from keras_dlnotes.tuning.configurations import configurations
from keras_dlnotes.tuning.durable import Durable
from keras_dlnotes.tuning.formats import BayesianState, GridState, HyperbandState
from keras_dlnotes.tuning.parzen import ParzenOracle

UNLIMITED = 10**9  # consecutive failures: the search counts them itself


class EachOnce(Durable):
    """A mixin for oracles that try no configuration twice, but may try all of a small space."""

    def planned_trials(self) -> int | None:
        known = configurations(self.get_space())
        return self.max_trials if known is None else min(self.max_trials, len(known))


class Random(EachOnce, RandomSearchOracle):
    """Independent random configurations."""


class TPE(EachOnce, ParzenOracle):
    """Trials where good ones are likely and bad ones are not."""


class Hyperband(Durable, Brackets):
    """Many short trials, the best of which are trained for longer."""

    record = HyperbandState

    def planned_trials(self) -> int:
        planned = Brackets.planned_trials(self)
        return planned if self.max_trials is None else min(planned, self.max_trials)

    def _adopt(self, trial_ids: list[str]) -> None:
        self.adopt(trial_ids)

    def warning(self) -> str | None:
        """Returns a warning if no trial can have all epochs."""
        first = self.first_bracket()
        if self.max_trials is None or self.max_trials >= first:
            return None
        return (
            f"max_trials={self.max_trials} ends Hyperband within its first bracket of {first} "
            f"trials: no trial will have all {self.max_epochs} epochs."
        )


class Bayesian(Durable, BayesianOptimizationOracle):
    """Trials where a Gaussian process expects the best objective."""

    record = BayesianState


class Grid(Durable, GridSearchOracle):
    """Every configuration, in order."""

    record = GridState

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """As in KerasTuner, but the next worker need not wait for the end of this trial.

        KerasTuner waits for it, which leaves all workers but one idle.
        """
        response = super().populate_space(trial_id)
        if response["status"] == TrialStatus.RUNNING and trial_id not in self._populate_next:
            self._populate_next.append(trial_id)
        return response

    def get_state(self) -> dict[str, Any]:
        order = self.start_order[:1]
        while order and (following := self._ordered_ids.next(order[-1])) is not None:
            order.append(following)
        state = {"ordered_ids": order, "populate_next": list(self._populate_next)}
        return super().get_state() | state

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self._adopt(state["ordered_ids"])
        self._populate_next = list(state["populate_next"])

    def _adopt(self, trial_ids: list[str]) -> None:
        previous = None
        for trial_id in trial_ids:
            self._ordered_ids.insert(trial_id, previous)
            previous = trial_id
        self._populate_next = list(trial_ids)


ORACLES = {
    "hyperband": Hyperband, "random": Random, "bayesian": Bayesian, "grid": Grid, "tpe": TPE
}  # fmt: skip


def make_oracle(
    tuner: str,
    objective: keras_tuner.Objective | None,
    space: keras_tuner.HyperParameters,
    *,
    max_trials: int | None,
    epochs: int,
    seed: int,
    folder: Path,
    arguments: dict[str, Any],
    initial: Sequence[Mapping[str, Any]] = (),
) -> Durable:
    """Returns the oracle of a search, before `reload`."""
    choice("tuner", tuner, ORACLES)
    settings = {"max_epochs": epochs} if tuner == "hyperband" else {"max_trials": max_trials}
    # Listed hyperparameters are in the space, and a trial is retried by its own process.
    done = ("hyperparameters", "max_retries_per_trial")
    arguments = {name: value for name, value in arguments.items() if name not in done}
    oracle = ORACLES[tuner](
        objective=objective,
        hyperparameters=space,
        seed=seed + 1,  # KerasTuner replaces 0 by a random seed
        max_consecutive_failed_trials=UNLIMITED,
        **settings,
        **arguments,
    )
    oracle.max_trials = max_trials  # Hyperband's constructor does not accept it
    oracle.verbose = 0
    oracle.folder = folder
    oracle.initial = list(initial) or [{}]
    return oracle
