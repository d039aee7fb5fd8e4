"""Termination by a signal that first leaves all `with` blocks."""

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

UNWINDING_SECONDS = 15.0  # in which further signals do not interrupt it


class Terminated(SystemExit):
    """A signal that ends this process once all `with` blocks have been left.

    The first process of a container ignores default signal actions, and ends by this exception.
    """

    def __init__(self, number: int):
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"The process was ended by {self.name}."


@contextlib.contextmanager
def unwinding() -> Iterator[None]:
    """Raises `Terminated` in the block for a termination signal, which is sent again after it.

    Only for signals without a handler, and only in the main thread, in which Python handles them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    is_inside, undisturbed_until = True, -math.inf

    def handle(number: int, frame: Any) -> None:
        nonlocal undisturbed_until
        received.append(number)
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
        if received:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os.kill(os.getpid(), received[0])
