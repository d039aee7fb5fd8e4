"""An end by a signal that lets go of all that is held."""

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

UNWINDING_SECONDS = 15.0  # in which further signals do not disturb it


class Terminated(SystemExit):
    """A signal that ends this process, once all `with` blocks have been left.

    The first process of a container does not die of signals, and ends as others do by this.
    """

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"{self.name} has ended the process."


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Leaves the block by `Terminated` where a signal asks for the end, which comes after it.

    Only for signals that nobody handles or ignores, and in the main thread, where Python does.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    is_inside, undisturbed_until = True, -math.inf

    def handle(number: int, frame: Any) -> None:
        nonlocal undisturbed_until
        came.append(number)
        now = time.monotonic()
        if is_inside and now > undisturbed_until:
            undisturbed_until = now + UNWINDING_SECONDS
            raise Terminated(number)

    taken = [number for number in SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, handle)
        yield
    finally:
        is_inside = False
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
        if came:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os.kill(os.getpid(), came[0])
