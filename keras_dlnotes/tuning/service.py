"""KerasTuner's gRPC service: one chief that holds the oracle, many workers that ask it."""

import os
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner

LOOPBACK = "127.0.0.1"


def split_address(address: str) -> tuple[str, int]:
    """Returns host and port.

    >>> split_address("node7:8000")
    ('node7', 8000)
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"An address must be HOST:PORT, such as node7:8000. Received: {address}")
    return host, int(port)


def environment(address: str, tuner_id: str) -> dict[str, str]:
    """Returns the environment variables by which KerasTuner knows its role.

    A proxy for the internet must not come between a worker and its chief.
    """
    host, port = split_address(address)
    direct = {os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY")} - {""}
    return {
        "KERASTUNER_ORACLE_IP": host,
        "KERASTUNER_ORACLE_PORT": str(port),
        "KERASTUNER_TUNER_ID": tuner_id,
        "no_proxy": ",".join([*sorted(direct), host]),
    }


class Endpoint(BaseTuner):
    """One end of the service; the environment says which.

    The chief's `search()` serves the oracle until every trial has ended. A worker's `oracle` is a
    proxy of the chief's.
    """

    def __init__(self, oracle: Any, folder: Path):
        super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)

    def save(self) -> None:
        """The oracle saves itself, and there is nothing else to save."""

    def reload(self) -> None:
        """See `save`."""


def chief_of(objective: keras_tuner.Objective, folder: Path) -> Any:
    """Returns the proxy of the chief's oracle, in a worker."""
    return Endpoint(keras_tuner.Oracle(objective=objective), folder).oracle


def chief_answers(seconds: float) -> bool:
    """Tells whether the chief that the environment names can be reached within that time."""
    address = f"{os.environ['KERASTUNER_ORACLE_IP']}:{os.environ['KERASTUNER_ORACLE_PORT']}"
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return False
    return True
