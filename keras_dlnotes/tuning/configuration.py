"""The hyperparameters of a trial, with their values."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import keras_tuner

from keras_dlnotes.tuning.folder import TrialOutcome, hyperparameters_of


class Configuration(keras_tuner.HyperParameters):
    """Hyperparameters with their values: what `build(hp)` takes, and readable like a dict.

    >>> configuration = Configuration()
    >>> configuration.values = {"units": 64}
    >>> configuration["units"], dict(configuration)
    (64, {'units': 64})
    """

    def keys(self):
        return self.values.keys()

    def items(self):
        return self.values.items()

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Configuration({self.values})"


def whole_space(
    settings: Mapping[str, Any], outcomes: Iterable[TrialOutcome]
) -> keras_tuner.HyperParameters:
    """Returns a search's space with what only its trials have asked for, where that is tuned, too.

    >>> trial = keras_tuner.HyperParameters()
    >>> _ = trial.Int("units_1", 1, 4)
    >>> outcome = TrialOutcome("COMPLETED", trial.get_config())
    >>> settings = {"space": {"space": [], "values": {}}, "tuner_arguments": {}}
    >>> [entry.name for entry in whole_space(settings, [outcome]).space]
    ['units_1']
    """
    found = hyperparameters_of(settings["space"])
    if settings["tuner_arguments"].get("tune_new_entries", True):
        for outcome in outcomes:
            found.merge(hyperparameters_of(outcome.hyperparameters), overwrite=False)
    return found
