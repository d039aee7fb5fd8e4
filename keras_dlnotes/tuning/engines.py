"""What runs the trials of a search: processes of this machine, or Ray."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from keras_dlnotes.common.checks import argument_error
from keras_dlnotes.common.extras import require
from keras_dlnotes.tuning.job import Job
from keras_dlnotes.tuning.ray_cluster import RayCluster
from keras_dlnotes.tuning.supervisor import Supervisor

LOCAL, RAY = "local", "ray"


class Engine(Protocol):
    """Runs a search's oracle and its trials."""

    def run(self, tick: Callable[[], Any]) -> None:
        """Runs until every trial has ended; calls `tick` several times a second."""


def check_engine(engine: Any, chief: str | None) -> RayCluster | None:
    """Returns how to use Ray, or None for processes of this machine.

    Raises:
        ValueError: for an engine that does not exist, or does not go with a chief.
        MissingPackageError: if Ray is not installed.
    """
    if not isinstance(engine, RayCluster) and engine not in (LOCAL, RAY):
        raise argument_error("engine", f"{LOCAL!r}, {RAY!r} or a RayCluster", engine)
    if engine == LOCAL:
        return None
    if chief is not None:
        raise argument_error("chief", "None where Ray runs the trials", chief)
    require("ray", "ray", "fsspec")
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
