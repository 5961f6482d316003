"""SIGTERM, which Kubernetes and Slurm send before they kill: ends as Ctrl-C does."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator


class Terminated(KeyboardInterrupt):
    """SIGTERM came: what is under way is cleared up, as after Ctrl-C."""


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Raises `Terminated` where the block is when SIGTERM comes, once.

    Those that come while it is being cleared up change nothing. In another thread
    than the main one, and where a handler is set already or SIGTERM is ignored,
    nothing is changed.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    came, hook = threading.Event(), sys.unraisablehook

    def on_signal(number: int, frame: object) -> None:
        if not came.is_set():
            came.set()
            raise Terminated

    def on_unraisable(lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            hook(lost)
            return
        # It fell into a destructor or a callback of the garbage collector, where
        # Python drops it: it has to come again.
        number = signal.SIGINT
        if isinstance(lost.exc_value, Terminated):
            came.clear()
            number = signal.SIGTERM
        again = threading.Timer(0.05, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()

    signal.signal(signal.SIGTERM, on_signal)
    sys.unraisablehook = on_unraisable
    try:
        yield
    except Exception as error:
        if came.is_set():  # a library has made another error of it
            raise Terminated from error
        raise
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        sys.unraisablehook = hook
