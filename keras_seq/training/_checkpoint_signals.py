"""Signals that end a training, which come between two steps and not within one."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras

# For how long SIGTERM waits until validation ends: Kubernetes and Slurm kill after
# 30 seconds, and a checkpoint has to be written by then.
GRACE = 10.0


class DeferredSignals:
    """While the block lasts, Ctrl-C and SIGTERM come when a step is finished.

    At an epoch's end both wait until it is done, for `GRACE` seconds at most; Ctrl-C
    for a second time doesn't. What came is done by `deliver`: what would have been
    done at once. SIGTERM that nobody handles ends the process with exit status 143, as
    the shell names it. In another thread than the main one, and of signals that are
    ignored, nothing is changed.

    Attributes:
        came: The signals that have come and wait, and when.
        waiting: What is under way: None if a signal may come at once, "step", or "end"
            for validation and callbacks at an epoch's end.
    """

    def __init__(self) -> None:
        self.came: dict[int, float] = {}
        self.waiting: str | None = None
        self._timers: dict[int, threading.Timer] = {}
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
        for timer in self._timers.values():
            timer.cancel()
        for number, before in self._before.items():
            signal.signal(number, before)
        self.deliver()  # whoever catches an error of the training must not lose it

    def deliver(self, frame: FrameType | None = None) -> None:
        """Does what the signals that have come do, if any has."""
        while self.came:
            number = next(iter(self.came))
            del self.came[number]
            if number in self._timers:
                self._timers.pop(number).cancel()
            before = self._before[number]
            if before is signal.SIG_DFL:
                raise SystemExit(128 + number)
            handle: Callable[[int, FrameType | None], Any] = before
            handle(number, frame)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        again = number in self.came and (
            number == signal.SIGINT or now - self.came[number] >= GRACE
        )
        self.came.setdefault(number, now)
        # In a step Ctrl-C would come for a second time, and nothing be kept of it.
        timed = number == signal.SIGTERM or self.waiting == "end"
        if timed and number not in self._timers:
            timer = threading.Timer(GRACE + 0.1, _send, (number,))
            timer.daemon = True
            timer.start()
            self._timers[number] = timer
        if (
            self.waiting is None
            or (again and self.waiting == "end")
            or (again and number == signal.SIGINT)
        ):
            self.deliver(frame)


class EpochEnds(keras.callbacks.Callback):
    """Lets an epoch's end be kept where nothing within the epoch can be.

    Args:
        signals: Those that wait for it.
        last: Whether it is the last of the callbacks, and the end then done.
    """

    def __init__(self, signals: DeferredSignals, *, last: bool) -> None:
        super().__init__()
        self._signals, self._last = signals, last

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The steps of the epoch are done."""
        self._signals.waiting = "end"

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """So they are, or the checkpoint is written."""
        self._signals.waiting = None if self._last else "end"
        if self._last:
            self._signals.deliver()


def _send(number: int) -> None:
    os.kill(os.getpid(), number)
