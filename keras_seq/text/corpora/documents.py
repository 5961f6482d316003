"""Documents, read from a text file or a folder of text files."""

import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_seq.text.vocabulary import encodable

_FEWEST_DOCUMENTS = 10  # fewer can't be split, and are cut
_PIECES = 100  # that texts are cut into
_FEWEST_WORDS = 100  # in a piece
# The coarsest first.
_SEPARATORS = (r"\n[ \t\r]*\n\s*", r"\n", r"\s+")


@dataclass(frozen=True, slots=True)
class TextCorpus:
    """Documents, and what was done to them.

    Args:
        name: The file or folder that they come from.
        names: Name of each document; what isn't UTF-8 in it is "?".
        texts: Text of each document.
        empty: Names of files that were left out because they hold no text.
        not_utf8: Names of files that aren't UTF-8 and were read as Windows-1252.
        cut: Of how many texts the documents are pieces; 0 if they are whole.
    """

    name: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    empty: tuple[str, ...] = ()
    not_utf8: tuple[str, ...] = ()
    cut: int = 0

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def digest(self) -> str:
        """SHA-256 over names and texts, in order, as 64 hexadecimal digits."""
        found = hashlib.sha256()
        for part in (*self.names, *self.texts):
            found.update(f"{len(part)}:{part}".encode("utf-8", "replace"))
        return found.hexdigest()

    def summary(self) -> str:
        """How many documents there are, and what was done to them, line by line."""
        kind = f"pieces of {self.cut} text(s)" if self.cut else "documents"
        lines = [
            f"{self.name}: {len(self)} {kind}, {sum(map(len, self.texts)):,} characters"
        ]
        for found, what in (
            (self.empty, "empty and left out"),
            (self.not_utf8, "not UTF-8, read as Windows-1252"),
        ):
            if found:
                shown = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
                lines.append(f"  {len(found):6d} {what}: {shown}")
        return "\n".join(lines)


def read_documents(path: str | os.PathLike[str]) -> TextCorpus:
    r"""Reads a text file, or all .txt files in a folder and below it.

    A file is UTF-8, with or without byte order mark; what isn't UTF-8 is read as
    Windows-1252 and named in the corpus. Of a folder, each file is a document, in
    the order of their names; hidden files are passed over. Fewer than ten texts are
    cut into pieces by `cut_text`, about a hundred in all: one can't hold out a part
    of them otherwise.

    Args:
        path: The file or folder.

    Returns:
        A `TextCorpus`.

    Raises:
        OSError: If it cannot be read.
        ValueError: If a file is no text, or there is none with any.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i in range(10):
    ...         _ = Path(folder, f"{i}.txt").write_bytes(b"It cost %d \x80." % i)
    ...     corpus = read_documents(folder)
    >>> corpus.texts[7], corpus.not_utf8[:2]
    ('It cost 7 €.', ('0.txt', '1.txt'))
    """
    path = Path(path)
    files = [path]
    if path.is_dir():
        files = sorted(
            file
            for file in path.rglob("*.txt")
            if file.is_file()
            and not any(part[0] == "." for part in file.relative_to(path).parts)
        )
        if not files:
            raise ValueError(f"{str(path)!r} has no .txt file in it or below it.")
    names, texts, empty, not_utf8 = [], [], [], []
    for file in files:
        name = file.name if file == path else file.relative_to(path).as_posix()
        name = encodable(name)
        text, is_utf8 = _decoded(file)
        if not text.strip():
            empty.append(name)
            continue
        names.append(name)
        texts.append(text)
        if not is_utf8:
            not_utf8.append(name)
    if not texts:
        raise ValueError(f"{str(path)!r} holds no text.")
    cut = len(texts) if len(texts) < _FEWEST_DOCUMENTS else 0
    if cut:
        size = max(_FEWEST_WORDS, sum(len(t.split()) for t in texts) // _PIECES)
        pieces = [cut_text(text, words=size) for text in texts]
        names = [
            f"{name}, piece {i}"
            for name, found in zip(names, pieces, strict=True)
            for i in range(1, len(found) + 1)
        ]
        texts = list(itertools.chain(*pieces))
    return TextCorpus(
        encodable(path.name),
        tuple(names),
        tuple(texts),
        tuple(empty),
        tuple(not_utf8),
        cut,
    )


def cut_text(text: str, *, words: int) -> list[str]:
    r"""Cuts a text into pieces that documents can be made of.

    Blocks, which blank lines separate, are gathered until they have so many
    words; where there are no blank lines, lines; in one endless line, words.

    Args:
        text: String.
        words: Fewest words in a piece, the last excepted, which is joined to the
            one before if it has less than half of that.

    Returns:
        List of strings: the pieces, in order, without white space at the ends.

    Raises:
        ValueError: If `words` is less than 1.

    Example:

    >>> cut_text("a b\n\nc\n\nd e f\n\ng", words=3)
    ['a b\n\nc', 'd e f\n\ng']
    """
    if words < 1:
        raise ValueError(f"`words` must be at least 1; received {words!r}.")
    cuts, start, number = [0], 0, 0
    for end in _block_ends(text, words, _SEPARATORS):
        number += len(text[start:end].split())
        start = end
        if number >= words:
            cuts.append(end)
            number = 0
    if len(cuts) > 1 and 2 * number < words:
        cuts[-1] = len(text)
    elif number:
        cuts.append(len(text))
    return [text[a:b].strip() for a, b in itertools.pairwise(cuts)]


def _block_ends(text: str, words: int, separators: Sequence[str]) -> Iterator[int]:
    """Where blocks end; one that is far too long is cut more finely."""
    separator, *finer = separators
    start = 0
    for end in (*(m.end() for m in re.finditer(separator, text)), len(text)):
        if finer and len(text[start:end].split()) > 2 * words:
            for inside in _block_ends(text[start:end], words, finer):
                yield start + inside
        else:
            yield end
        start = end


def _decoded(file: Path) -> tuple[str, bool]:
    """The text of a file, and whether it is UTF-8."""
    data = file.read_bytes()
    if b"\0" in data:
        raise ValueError(f"{str(file)!r} is no text: it has NUL bytes in it.")
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError as error:
        try:
            return data.decode("cp1252"), False
        except UnicodeDecodeError:
            raise ValueError(
                f"{str(file)!r} is neither UTF-8 nor Windows-1252: byte "
                f"0x{data[error.start]:02x} at {error.start}."
            ) from error
