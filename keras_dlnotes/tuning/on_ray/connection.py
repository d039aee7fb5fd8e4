"""A connection to Ray: to a cluster that runs, or to one of our own on this machine.

Ray's processes listen on every interface and ask nobody who they are, unless told otherwise. One
that is started here listens on the loopback interface and asks for a token.
"""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keras_dlnotes.tuning.resources import visible_gpus
from keras_dlnotes.tuning.supervisor import SearchError

KEEPALIVE_MS = 3000  # by default Ray takes a minute to notice that a machine has frozen
MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"


@contextmanager
def connected(address: str | None, num_cpus: int) -> Iterator[Any]:
    """Connects to Ray, unless this process is connected already, and yields the module.

    Args:
        address: HOST:PORT of a cluster or "auto"; None starts one with this machine alone.
        num_cpus: processor cores of a cluster of our own, as its trials count them.

    Raises:
        SearchError: if Ray cannot be started with a token any more, or not be reached.
    """
    if address is None:
        _set_up()
    import ray

    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": "warning"}
    if address is not None:
        try:
            ray.init(address, **quiet)
        except (ConnectionError, RuntimeError) as error:
            raise SearchError(f"Ray cannot be reached at {address}: {error}") from error
    else:
        ray.init(
            "local",  # also beside a cluster that runs on this machine
            num_cpus=num_cpus,
            num_gpus=len(visible_gpus()),
            include_dashboard=False,
            **quiet,
        )
    try:
        yield ray
    finally:
        ray.shutdown()


def _set_up() -> None:
    """Sets the variables that Ray reads when it is imported, for a cluster of our own."""
    if os.environ.get(MODE) == "token" and os.environ.get(TOKEN):
        return
    if "ray" in sys.modules:
        import ray

        if ray.is_initialized():
            return
        raise SearchError(
            "Ray was imported before the search could give it a token. Import it later, call "
            f"`ray.init` yourself, or set {MODE}=token and {TOKEN} before Python starts."
        )
    keepalive = {
        f"RAY_grpc_client_keepalive_{name}_ms": str(KEEPALIVE_MS) for name in ("time", "timeout")
    }
    os.environ.update(
        {
            MODE: "token",
            TOKEN: secrets.token_hex(32),
            # 0: Ray's processes listen on the loopback interface alone
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            **keepalive,
        }
    )
