"""A version folder that appears whole or not at all."""

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

# Servers look at numbers only, so neither name is ever loaded. At any moment a
# folder of the first kind may be deleted, and one of the second is whole.
_WRITTEN = ".new"
_REPLACED = ".old"


def settle(target: Path, stem: str | None = None) -> None:
    """Clears up after exports to `target` that ended early, killed ones too.

    What they wrote is removed. The version that they had moved away is put back
    if nothing took its place.

    Args:
        target: The version folder.
        stem: The one export to clear up after; by default all of them.
    """
    stem = stem or f".{target.name}-*"
    for written in target.parent.glob(stem + _WRITTEN):
        shutil.rmtree(written, ignore_errors=True)
    for replaced in target.parent.glob(stem + _REPLACED):
        if target.exists():
            written = replaced.rename(replaced.with_suffix(_WRITTEN))
            shutil.rmtree(written, ignore_errors=True)
        else:
            replaced.rename(target)


@contextlib.contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its name on success."""
    target.parent.mkdir(parents=True, exist_ok=True)
    stem = f".{target.name}-{secrets.token_hex(4)}"
    written = target.with_name(stem + _WRITTEN)
    try:
        yield written
        if target.exists():
            target.rename(target.with_name(stem + _REPLACED))
        written.rename(target)
    finally:
        settle(target, stem)


@contextlib.contextmanager
def os_errors(target: Path) -> Iterator[None]:
    """Turns what TensorFlow raises when it cannot write into an `OSError`."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.partition("\n")[0]
        raise OSError(
            f"The export to {str(target)!r} could not be written: {reason}"
        ) from error
