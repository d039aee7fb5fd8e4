"""Remarks on a finished search that may surprise its user."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_dlnotes.tuning.configurations import configurations
from keras_dlnotes.tuning.consistency import is_tuner_own
from keras_dlnotes.tuning.folder import COMPLETED, hyperparameters_of
from keras_dlnotes.tuning.records import TrialRecord


def remarks_on(
    settings: Mapping[str, Any], trials: Sequence[TrialRecord], is_exhausted: bool
) -> list[str]:
    """Returns remarks: that no trial had all epochs, how many were pruned, why there are too few.

    `is_exhausted` says that the tuner has no further trial.
    """
    remarks = [*_on_epochs(settings, trials), *_on_configurations(settings, trials)]
    pruned = sum(trial.is_pruned for trial in trials)
    if pruned:
        remarks.append(f"{pruned} of {len(trials)} trials were pruned.")
    asked = settings["max_trials"]
    if is_exhausted and asked is not None and len(trials) < asked:
        remarks.append(_on_count(settings, len(trials)))
    return remarks


def _on_count(settings: Mapping[str, Any], count: int) -> str:
    remark = f"The search ended after {count} of {settings['max_trials']} trials, since "
    if settings["tuner"] != "hyperband":
        return f"{remark}the tuner found no further configuration."
    times = settings["tuner_arguments"].get("hyperband_iterations", 1)
    return (
        f"{remark}Hyperband's brackets for {settings['epochs']} epochs have no more; they were run "
        f"{'once' if times == 1 else f'{times} times'} (hyperband_iterations={times})."
    )


def _on_epochs(settings: Mapping[str, Any], trials: Sequence[TrialRecord]) -> list[str]:
    epochs = [
        trial.hyperparameters["tuner/epochs"]
        for trial in trials
        if trial.status == COMPLETED and "tuner/epochs" in trial.hyperparameters
    ]
    if not epochs or max(epochs) >= settings["epochs"]:
        return []
    remark = f"The longest trial had {max(epochs)} of {settings['epochs']} epochs"
    most = settings["max_trials"]
    if most is not None and len(trials) >= most:
        remark += f", since max_trials={most} is less than Hyperband's first bracket needs"
    return [remark + "."]


def _on_configurations(settings: Mapping[str, Any], trials: Sequence[TrialRecord]) -> list[str]:
    space = settings.get("space")
    known = None if space is None else configurations(hyperparameters_of(space))
    if known is None:
        return []
    tried = [
        {name: value for name, value in trial.hyperparameters.items() if not is_tuner_own(name)}
        for trial in trials
    ]
    if not all(entry in tried for entry in known):
        return []
    count = "The one configuration" if len(known) == 1 else f"All {len(known)} configurations"
    return [f"{count} of the space {'was' if len(known) == 1 else 'were'} tried."]
