"""What runs the trials of a search: processes of this machine, or Ray."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keras_dlnotes.common.checks import argument_error, number, text
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.supervisor import Supervisor

LOCAL, RAY = "local", "ray"


class Engine(Protocol):
    """Runs a search's oracle and its trials."""

    def run(self, tick: Callable[[], Any]) -> None:
        """Runs until every trial has ended; calls `tick` several times a second."""


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


def check_engine(engine: Any, chief: str | None) -> RayCluster | None:
    """Returns how to use Ray, or None for processes of this machine."""
    if not isinstance(engine, RayCluster) and engine not in (LOCAL, RAY):
        raise argument_error("engine", f"{LOCAL!r}, {RAY!r} or a RayCluster", engine)
    if engine == LOCAL:
        return None
    if chief is not None:
        raise argument_error("chief", "None where Ray runs the trials", chief)
    return engine if isinstance(engine, RayCluster) else RayCluster()


def engine_for(
    cluster: RayCluster | None,
    job: Job,
    space: Mapping[str, Any],
    workers: Sequence[str],
    chief: str | None,
) -> Engine:
    """Returns what runs a search's trials; the workers are the trials that run at a time."""
    if cluster is None:
        return Supervisor(job, space, workers, chief)
    from keras_dlnotes.tuning.on_ray.engine import RayEngine  # which needs another extra

    return RayEngine(job, space, workers, cluster)
