"""What a user says about Ray."""

from dataclasses import dataclass

from keras_dlnotes.common.checks import number, text


@dataclass(frozen=True)
class RayCluster:
    """How a search uses Ray.

    Args:
        address: HOST:PORT of a running cluster, or "auto" for the one that this machine is part of;
            None starts Ray for this search, on this machine alone: on the loopback interface, and
            with a token that other processes do not know.
        num_cpus: processor cores that Ray sets aside for each trial, ≥ 0.
        num_gpus: the same for GPUs; several trials share one if it is a fraction.
        storage: where all machines of the cluster can read and write checkpoints, as a folder or an
            fsspec URL such as "s3://bucket/name"; None takes the search's folder, which they must
            then all see.

    Raises:
        ValueError: for an argument out of range.

    Example:

    >>> RayCluster("auto", num_cpus=4, storage="s3://bucket/searches").num_cpus
    4
    """

    address: str | None = None
    num_cpus: float = 1
    num_gpus: float = 0
    storage: str | None = None

    def __post_init__(self):
        for name in ("address", "storage"):
            if getattr(self, name) is not None:
                text(name, getattr(self, name))
        for name in ("num_cpus", "num_gpus"):
            number(name, getattr(self, name), 0)
