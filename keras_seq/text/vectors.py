"""Word vectors from a file, as GloVe and word2vec write them."""

import contextlib
import gzip
import io
import os
import typing
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from keras_seq.text.words import WordVocabulary


def read_vectors(
    path: str | os.PathLike[str],
    vocabulary: WordVocabulary,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    r"""Reads the vectors of a vocabulary's words from a file of many.

    The file is text in UTF-8: a line a word, the word and its numbers with a space
    between (GloVe); a first line "words numbers" may say how many there are
    (word2vec's text format, fastText's .vec). It may be gzipped (.gz), or be the one
    file in a .zip. It is read line by line, and only what is needed is kept.

    A word of the vocabulary that the file doesn't have as it is gets the vector of
    its lower-case form, if there is one. Where a word comes twice the first counts.

    Args:
        path: The file.
        vocabulary: A `WordVocabulary`.
        progress: Called as `progress(done, total)` with bytes of the file, or None.

    Returns:
        The vectors, float32, shape (len(vocabulary), D), 0 where there is none (the
        marks too); and a boolean array (len(vocabulary),), True where there is one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a line (named by its number) isn't a word and D finite numbers;
            if the file is empty, a binary file, no whole .gz or .zip, or a .zip with
            several files.

    Example:

    >>> _ = Path("vectors.txt").write_text("the 0.1 0.2\ncat 0.3 -0.4\n")
    >>> vectors, found = read_vectors("vectors.txt", WordVocabulary(["cat", "dog"]))
    >>> vectors.shape, found[4:].tolist()
    ((6, 2), [True, False])

    References:
        Mikolov et al. (2013), Efficient estimation of word representations in vector
        space.
        Pennington, Socher and Manning (2014), GloVe: Global vectors for word
        representation.
    """
    if not isinstance(vocabulary, WordVocabulary):
        raise ValueError(
            "`vocabulary` must be a WordVocabulary; received "
            f"{type(vocabulary).__name__}."
        )
    path = Path(path)
    first = len(vocabulary) - len(vocabulary.words)
    wanted: dict[str, list[tuple[int, bool]]] = {}
    for number, word in enumerate(vocabulary.words, start=first):
        wanted.setdefault(word, []).append((number, True))
        if word != word.lower():
            wanted.setdefault(word.lower(), []).append((number, False))
    vectors = None
    # 0: none, 1: of the lower-case form, 2: of the word.
    rank = np.zeros(len(vocabulary), "int8")
    with _opened(path, progress) as lines:
        for number, word, values in _entries(path.name, lines):
            if vectors is None:
                vectors = np.zeros((len(vocabulary), values.count(b" ") + 1), "float32")
            for place, exact in wanted.get(word, ()):
                if rank[place] < 1 + exact:
                    vectors[place] = _numbers(path.name, number, values, vectors)
                    rank[place] = 1 + exact
    if vectors is None:
        raise ValueError(f"{path.name}: has no vectors.")
    return vectors, rank > 0


def _entries(name: str, lines: Iterable[bytes]) -> Iterator[tuple[int, str, bytes]]:
    """Number of the line, word, and the bytes of its numbers."""
    size = None
    for number, line in enumerate(lines, start=1):
        if b"\0" in line:
            raise ValueError(
                f"{name}, line {number}: expected text; came a zero byte, as in "
                "word2vec's binary format."
            )
        if size is None:
            parts = line.rstrip().split(b" ")
            if len(parts) == 2 and number == 1 and all(map(bytes.isdigit, parts)):
                continue  # how many there are
            size = len(parts) - 1
            if size < 1 or not parts[0]:
                raise ValueError(
                    f"{name}, line {number}: expected a word and numbers; came "
                    f"{_short(line)}."
                )
        # From the right: a few words of GloVe have spaces.
        word, *values = line.rstrip().rsplit(b" ", size)
        if len(values) != size:
            raise ValueError(
                f"{name}, line {number}: expected a word and {size} numbers; came "
                f"{_short(line)}."
            )
        try:
            yield number, word.decode(), b" ".join(values)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {number}: the word isn't UTF-8: {_short(line)}."
            ) from error


def _numbers(name: str, number: int, values: bytes, like: np.ndarray) -> np.ndarray:
    try:
        found = np.array(values.split(b" "), dtype="S").astype("float32")
    except ValueError as error:
        raise ValueError(
            f"{name}, line {number}: expected numbers; came {_short(values)}."
        ) from error
    if found.shape != like.shape[1:] or not np.isfinite(found).all():
        raise ValueError(
            f"{name}, line {number}: expected {like.shape[1]} finite numbers; came "
            f"{_short(values)}."
        )
    return found


def _short(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip()
    return repr(text if len(text) <= 60 else text[:57] + "...")


@contextlib.contextmanager
def _opened(
    path: Path, progress: Callable[[int, int], object] | None
) -> Iterator[Iterator[bytes]]:
    """The lines of a file, which tell how much of it has been read."""
    total = os.path.getsize(path)
    try:
        with open(path, "rb") as raw, contextlib.ExitStack() as stack:
            file: typing.Any = raw
            if path.suffix == ".gz":
                file = stack.enter_context(gzip.open(raw))
            elif path.suffix == ".zip":
                archive = stack.enter_context(zipfile.ZipFile(raw))
                names = [i.filename for i in archive.infolist() if not i.is_dir()]
                if len(names) != 1:
                    raise ValueError(
                        f"{path.name}: expected one file in the .zip; it has {names}."
                    )
                file = stack.enter_context(archive.open(names[0]))
            lines = io.BufferedReader(file) if path.suffix == ".zip" else file
            yield _counted(lines, raw, total, progress)
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path.name}: is no whole {path.suffix} file: {error}"
        ) from error


def _counted(
    lines: Iterable[bytes],
    raw: typing.BinaryIO,
    total: int,
    progress: Callable[[int, int], object] | None,
) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if progress is not None and number % 10_000 == 0:
            progress(min(raw.tell(), total), total)
        yield line
    if progress is not None:
        progress(total, total)
