"""The hyperparameters of a trial, with their values."""

from collections.abc import Iterator

import keras_tuner


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
