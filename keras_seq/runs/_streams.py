"""What a program writes where: answers on stdout, all else on stderr."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import IO


class _State:
    answers: IO[str] | None = None  # stdout, while what is printed goes to stderr
    quiet = False


def answers() -> IO[str]:
    """Where answers go: the program's stdout, whatever `print` is sent to."""
    return _State.answers or sys.stdout


def is_quiet() -> bool:
    """Whether nothing but answers and what goes wrong is wanted."""
    return _State.quiet


def tell(text: str) -> None:
    """A note for whoever sits there, on stderr."""
    if not _State.quiet:
        print(text, file=sys.stderr, flush=True)


def is_utf8(stream: IO[str]) -> bool:
    """Whether the stream has every character; JSON is escaped where it hasn't."""
    name = getattr(stream, "encoding", None) or "utf-8"  # in memory there is none
    return name.lower().replace("-", "").replace("_", "").startswith("utf")


@contextlib.contextmanager
def answers_alone(quiet: bool) -> Iterator[None]:
    """What is printed goes to stderr, or nowhere; `answers` is what stdout was."""
    before = _State.answers, _State.quiet
    _State.answers, _State.quiet = sys.stdout, quiet
    with contextlib.ExitStack() as stack:
        told = sys.stderr
        if quiet:
            told = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
        stack.enter_context(contextlib.redirect_stdout(told))
        try:
            yield
        finally:
            _State.answers, _State.quiet = before


def make_printable() -> None:
    """No character stops a program, whatever the terminal's encoding, or if it's shut.

    A descriptor that is closed is opened to nowhere: or the next file that is opened
    would take its place, and have the messages of TensorFlow's libraries.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free
        if getattr(sys, name) is None:
            how = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, how, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):  # closed or detached
                stream.reconfigure(errors="backslashreplace")


def end_unread() -> None:
    """Nobody reads on, as in `| head`: what is left in the buffers goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(nowhere, stream.fileno())
