"""The curves of a search's trials on the storage, which attempts compare theirs with."""

import json
from collections.abc import Callable
from dataclasses import asdict

from keras_dlnotes.tuning.folder import logger
from keras_dlnotes.tuning.on_ray.snapshots import Files
from keras_dlnotes.tuning.pruner import Curve

CURVES = "curves.json"


class PublishedCurves:
    """Publishes the curves, for the one process that knows all of them.

    Args:
        url: of the storage.
        curves: returns them.
    """

    def __init__(self, url: str, curves: Callable[[], list[Curve]]):
        self._files = Files(url)
        self._curves = curves
        self._published = b""

    def publish(self) -> None:
        """Replaces what is published, unless it is the same or the storage is out of reach."""
        try:
            content = json.dumps([asdict(curve) for curve in self._curves()]).encode()
            if content != self._published:
                self._files.write(CURVES, content)
                self._published = content
        except OSError:
            logger.warning("The trials' curves can't be published.", exc_info=True)

    def remove(self) -> None:
        """Removes them."""
        self._files.remove(CURVES)


def published(url: str) -> Callable[[], list[Curve]]:
    """Returns a function that reads the published curves; none while the storage can't be read."""
    files = Files(url)

    def read() -> list[Curve]:
        try:
            return [Curve(**entry) for entry in json.loads(files.read(CURVES))]
        except OSError:
            logger.warning("The curves of the other trials can't be read.", exc_info=True)
            return []

    return read
