"""Folders walked through, links followed."""

import os
from collections.abc import Iterator

# What a disk has of its own, which nobody but root may read.
_OF_THE_DISK = frozenset({"lost+found", "$RECYCLE.BIN", "System Volume Information"})


def walk(
    folder: str | os.PathLike[str], *, strict: bool = True
) -> Iterator[tuple[str, list[str]]]:
    """Each folder in and below one, and the names of its files, in order.

    Links to folders are followed, but not those that lead to what is walked through
    anyway, or back. Hidden folders are passed over.

    Args:
        folder: Where to begin.
        strict: Whether a folder that can't be read is an error, wherever it is, and
            not the first alone.

    Raises:
        OSError: If a folder can't be read.
    """
    root, seen = os.path.realpath(folder), set()

    def failed(error: OSError) -> None:
        if strict or os.path.realpath(error.filename) == root:
            raise error

    def leads_back(path: str) -> bool:
        real = os.path.realpath(path) + os.sep
        return real.startswith(root + os.sep) or (root + os.sep).startswith(real)

    for place, below, names in os.walk(folder, onerror=failed, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = sorted(
            name
            for name in below
            if name[0] != "."
            and name not in _OF_THE_DISK
            and not (
                os.path.islink(path := os.path.join(place, name)) and leads_back(path)
            )
        )
        yield place, sorted(names)
