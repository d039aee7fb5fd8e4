"""The error of a data set that is known but unavailable."""


class DataUnavailableError(RuntimeError):
    """A data set is known but cannot be prepared here; the message says what to do."""
