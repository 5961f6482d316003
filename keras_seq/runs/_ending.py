"""How a program of ours ends, whatever happens: with a line and a status."""

import contextlib
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import NoReturn

from keras_seq.runs import _streams
from keras_seq.runs._terminating import Terminated, terminable

_TOLD = (
    *(ValueError, OSError, ImportError, RuntimeError),
    *(EOFError, MemoryError, zipfile.BadZipFile, zlib.error),
)


@contextlib.contextmanager
def ends_in_words(hint: str = "") -> Iterator[None]:
    """What goes wrong in the block is told in one line, and ends the program.

    The status is 1 after what was refused or has failed, 130 after Ctrl-C, 143 after
    SIGTERM, 141 if nobody reads what is written. A bug is shown as one.

    Args:
        hint: What is said besides when it is interrupted.
    """
    _streams.make_printable()
    try:
        with terminable():
            try:
                yield
            finally:  # or it fails when Python has ended
                sys.stdout.flush()
    except Terminated:
        stop(f"terminated.{hint}", 143)
    except KeyboardInterrupt:
        stop(f"interrupted.{hint}", 130)
    except BrokenPipeError:
        _streams.end_unread()
        raise SystemExit(141) from None
    except Exception as error:
        # TensorFlow's own, as of memory that doesn't suffice, are of no such class.
        foreign = type(error).__module__.startswith("tensorflow.")
        if not (foreign or isinstance(error, _TOLD)):
            raise
        if os.environ.get("KERAS_SEQ_TRACEBACK"):
            raise
        stop(f"error: {one_line(error)}", 1)


def one_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{place}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {error}".strip()
    words = re.sub(r"\[Errno \d+\] ", "", str(error))  # that of an inner error
    return " ".join(words.split()) or type(error).__name__


def stop(message: str, status: int) -> NoReturn:
    """Ends the program with a line on stderr."""
    with contextlib.suppress(BrokenPipeError):  # the status says it all the same
        print(message, file=sys.stderr, flush=True)
    raise SystemExit(status)
