"""Signals that end a training, which come between two steps and not within one."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

# For how long SIGTERM waits until validation ends: Kubernetes and Slurm kill after
# 30 seconds, and a checkpoint has to be written by then.
GRACE = 10.0


class DeferredSignals:
    """While the block lasts, Ctrl-C and SIGTERM come when a step is finished.

    What came is done by `deliver`: what would have been done at once. SIGTERM that
    nobody handles ends the process with exit status 143, as the shell names it. In
    another thread than the main one, and of signals that are ignored, nothing is
    changed.

    Attributes:
        came: The signal that has come and waits, or None.
        waiting: What is under way: None if a signal may come at once, "step", or "end"
            for validation and callbacks at an epoch's end.
    """

    def __init__(self) -> None:
        self.came: int | None = None
        self.waiting: str | None = None
        self._since = 0.0
        self._timer: threading.Timer | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "DeferredSignals":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for number, before in self._before.items():
            signal.signal(number, before)

    def deliver(self, frame: FrameType | None = None) -> None:
        """Does what the signal that has come does, if one has."""
        number, self.came = self.came, None
        if number is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        before = self._before[number]
        if before is signal.SIG_DFL:
            raise SystemExit(128 + number)
        handle: Callable[[int, FrameType | None], Any] = before
        handle(number, frame)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        again = self.came == number and (
            number == signal.SIGINT or time.monotonic() - self._since >= GRACE
        )
        if self.came is None:
            self.came, self._since = number, time.monotonic()
            if number == signal.SIGTERM:
                self._timer = threading.Timer(GRACE + 0.1, _send, (number,))
                self._timer.daemon = True
                self._timer.start()
        at_once = self.waiting is None or (
            self.waiting == "end" and (number == signal.SIGINT or again)
        )
        if at_once or (again and number == signal.SIGINT):
            self.deliver(frame)


def _send(number: int) -> None:
    os.kill(os.getpid(), number)
