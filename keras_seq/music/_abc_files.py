"""Files with tunes, as they lie, packed or in a .zip."""

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from keras_seq._folders import walk
from keras_seq.files import (
    SMALL_UNPACKED,
    TIMES_UNPACKED,
    foreign_kind,
    open_unpacked,
)
from keras_seq.music._encoding import decode

_PART = 2**20  # bytes that are unpacked at once
_PACKED = (".gz", ".bz2", ".xz")


class AbcFile(NamedTuple):
    """A file with tunes.

    Attributes:
        name: What reports call it.
        path: Where it lies, or the .zip that it is in.
        member: Its name in a .zip; "" if it is in none.
    """

    name: str
    path: Path
    member: str = ""

    def text(self) -> str:
        """Its text, unpacked; ValueError if it is none, or more than a bound."""
        try:
            if not self.member:
                with open_unpacked(self.path) as file:
                    return _decoded(file, self.path.stat().st_size)
            with zipfile.ZipFile(self.path) as archive:
                size = archive.getinfo(self.member).compress_size
                with archive.open(self.member) as file:
                    return _decoded(file, size)
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise ValueError(f"expected a whole packed file: {error}") from error
        except (zipfile.BadZipFile, RuntimeError) as error:  # broken, or encrypted
            raise ValueError(f"{self.member} can't be unpacked: {error}") from error


def below(folder: Path) -> list[Path]:
    """All files in a folder and below it, behind links too, in their order."""
    found = (Path(place, name) for place, names in walk(folder) for name in names)
    return sorted(path for path in found if path.is_file())


def abc_files(
    root: Path, paths: Iterable[Path], *, alone: bool = False
) -> list[AbcFile]:
    """Those of the files that hold tunes by their names, and those in each .zip.

    Args:
        root: Folder from which they are called.
        paths: The files.
        alone: Whether what is no .zip is taken whatever its name.
    """
    found: list[AbcFile] = []
    for path in paths:
        name = path.relative_to(root).as_posix()
        if path.suffix.lower() == ".zip" or (alone and zipfile.is_zipfile(path)):
            found += _members(name, path, alone=alone)
        elif alone or _is_abc(PurePosixPath(name)):
            found.append(AbcFile(name, path))
    return found


def _members(name: str, path: Path, *, alone: bool) -> Iterator[AbcFile]:
    """The files of a .zip; it alone if it is none, which who reads it is told."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        yield AbcFile(name, path)
        return
    some = [member for member in names if _is_abc(PurePosixPath(member))]
    if alone and not some:
        raise ValueError(f"{str(path)!r} must hold *.abc files; it has {names[:5]}")
    yield from (AbcFile(f"{name}/{member}", path, member) for member in some)


def _is_abc(path: PurePosixPath) -> bool:
    packed = path.suffix.lower() in _PACKED
    hidden = "__MACOSX" in path.parts or path.name.startswith("._")  # a Mac's own
    return (path.with_suffix("") if packed else path).suffix.lower() == ".abc" and (
        not hidden
    )


def _decoded(file: IO[bytes], packed: int) -> str:
    most = max(SMALL_UNPACKED, TIMES_UNPACKED * packed)
    found = io.BytesIO()
    while found.tell() <= most and (part := file.read(_PART)):
        found.write(part)
    if found.tell() > most:
        raise ValueError(f"expected {most:,} unpacked bytes at most, came more")
    try:
        return decode(found.getvalue())
    except ValueError as error:
        kind = foreign_kind(found.getvalue()[:600])
        raise ValueError(f"{error}: it is {kind}" if kind else str(error)) from error
