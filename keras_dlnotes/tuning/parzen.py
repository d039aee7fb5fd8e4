"""Optuna's tree-structured Parzen estimator as an oracle of KerasTuner.

Of the trials so far, the best ones give one density of each hyperparameter, and the others another:
the next value is the one that is most likely under the first and least under the second.

Nothing of Optuna's is kept: each time, the study is made anew of the trials that have ended, so a
search that is resumed goes on as if it had never stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import keras_tuner
from keras_tuner.engine import hyperparameters as kinds
from keras_tuner.engine.trial import Trial, TrialStatus

from keras_dlnotes.common.extras import require

if TYPE_CHECKING:
    import optuna

DIRECTIONS: dict[str, Literal["minimize", "maximize"]] = {"min": "minimize", "max": "maximize"}
STARTUP_TRIALS = 10  # random ones, as in Optuna
TRIES = 20  # configurations to draw before one that was not tried yet is looked for otherwise


class ParzenOracle(keras_tuner.Oracle):
    """Trials where good ones are likely and bad ones are not.

    Args:
        objective: what to improve.
        max_trials: the number of trials.
        num_initial_points: how many of them are random.
        seed: of the configurations.
        hyperparameters: see KerasTuner's `Oracle`, as for all that follow.
    """

    def __init__(
        self,
        objective: keras_tuner.Objective | None = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        seed: int | None = None,
        hyperparameters: keras_tuner.HyperParameters | None = None,
        tune_new_entries: bool = True,
        allow_new_entries: bool = True,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
    ):
        require("tpe", "optuna")
        super().__init__(
            objective=objective,
            max_trials=max_trials,
            hyperparameters=hyperparameters,
            tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries,
            seed=seed,
            max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )
        self.num_initial_points = num_initial_points or STARTUP_TRIALS

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns KerasTuner's answer: the next values, or that all were tried."""
        values = self._drawn()
        if values is None:  # all that were drawn are known
            values = self._random_values()
        if values is None:
            return {"status": TrialStatus.STOPPED, "values": None}
        return {"status": TrialStatus.RUNNING, "values": values}

    def _drawn(self) -> dict[str, Any] | None:
        """Returns values that no trial has had, if the estimator draws some."""
        import optuna

        with _quiet(optuna):
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=self.num_initial_points,
                seed=self.seed + len(self.start_order),
            )
            direction = DIRECTIONS[self.objective.direction]
            study = optuna.create_study(sampler=sampler, direction=direction)
            for trial in self.trials.values():
                if trial.status == TrialStatus.COMPLETED:
                    study.add_trial(self._observed(optuna, trial))
            for _ in range(TRIES):
                values = self._suggested(study.ask())
                if not self._duplicate(values):
                    return values
        return None

    def _suggested(self, asked: "optuna.Trial") -> dict[str, Any]:
        """Returns a value for each hyperparameter whose conditions hold."""
        found = self.get_space()
        found.values = {}
        for entry in found.space:  # a condition precedes the entries that depend on it
            if not found.is_active(entry):
                continue
            if isinstance(entry, kinds.Fixed):
                found.values[entry.name] = entry.value
            elif is_categorical(entry):
                found.values[entry.name] = asked.suggest_categorical(entry.name, [*entry.values])
            else:
                share = asked.suggest_float(entry.name, 0.0, 1.0)
                found.values[entry.name] = entry.prob_to_value(share)
        return found.values

    def _observed(self, optuna: Any, trial: Trial) -> Any:
        """Returns a trial that has ended as Optuna writes it."""
        space, values = self.get_space(), trial.hyperparameters.values
        space.values = values
        params, distributions = {}, {}
        for entry in space.space:
            if isinstance(entry, kinds.Fixed) or entry.name not in values:
                continue
            if not space.is_active(entry):
                continue
            if is_categorical(entry):
                params[entry.name] = values[entry.name]
                known = optuna.distributions.CategoricalDistribution([*entry.values])
            else:
                params[entry.name] = entry.value_to_prob(values[entry.name])
                known = optuna.distributions.FloatDistribution(0.0, 1.0)
            distributions[entry.name] = known
        return optuna.trial.create_trial(
            params=params, distributions=distributions, value=trial.score
        )


def is_categorical(entry: Any) -> bool:
    """Returns whether the values of a hyperparameter have no order.

    >>> is_categorical(kinds.Choice("activation", ["relu", "tanh"]))
    True
    >>> is_categorical(kinds.Int("units", 8, 64))
    False
    """
    return isinstance(entry, kinds.Boolean) or (
        isinstance(entry, kinds.Choice) and not entry.ordered
    )


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Leaves the messages about each study away."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
