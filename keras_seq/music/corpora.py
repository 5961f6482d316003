"""Corpora of tunes in ABC notation, checked tune by tune."""

import hashlib
import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from keras_seq.extras import require
from keras_seq.music._abc_files import AbcFile, abc_files, below
from keras_seq.music._normalising import normalise
from keras_seq.music._shown import shown_as_music
from keras_seq.music._splitting import Piece, reference_of, split, title_of
from keras_seq.music._terms import OWN_TERMS, TERMS
from keras_seq.music.abc import validate

# Folders of music21's corpus. "folk" leaves out Essen, whose encodings were
# given for non-commercial use only.
CORPORA = {
    "folk": ("oneills1850", "ryansMammoth", "airdsAirs"),
    "oneills": ("oneills1850",),
    "ryans": ("ryansMammoth",),
    "airds": ("airdsAirs",),
    "essen": ("essenFolksong",),
}


@dataclass(frozen=True, slots=True)
class CorpusTune:
    """A tune of a corpus.

    Args:
        text: ABC text, from `X:` to the last line of music, without a newline
            at its end.
        title: First title, `""` where there is none.
        source: File that it comes from, relative to the corpus.
        line: Line of its `X:` field in that file, from 1.
        reference: Number in its `X:` field, `None` where there is none.
    """

    text: str
    title: str
    source: str
    line: int
    reference: int | None

    def __repr__(self) -> str:
        return f"CorpusTune({self.title[:60]!r}, {self.source}:{self.line})"

    def _repr_html_(self) -> str:
        return shown_as_music(self.text, self.title)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A piece of a corpus that cannot be used.

    Args:
        source: File that it comes from, relative to the corpus.
        line: Line in that file where it begins, from 1.
        title: First title, `""` where there is none.
        code: Short name of the kind of trouble, the same for all of the kind.
        reason: The trouble in words; line and column in it count within the
            tune.
    """

    source: str
    line: int
    title: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """Tunes, what was left out and why, and the terms they come under.

    Args:
        name: What `load_corpus` was asked for.
        tunes: The usable tunes, by file name, then by place in the file.
        rejected: Whatever else the files hold, in the same order.
        terms: Terms of use in words.
    """

    name: str
    tunes: tuple[CorpusTune, ...]
    rejected: tuple[Rejected, ...]
    terms: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().partition(chr(10))[0]})"

    @property
    def texts(self) -> tuple[str, ...]:
        """The ABC text of each tune."""
        return tuple(tune.text for tune in self.tunes)

    @property
    def digest(self) -> str:
        """SHA-256 over the texts, in order, as 64 hexadecimal digits."""
        return hashlib.sha256("\0".join(self.texts).encode()).hexdigest()

    def summary(self) -> str:
        """How many tunes there are and why the others are not, line by line."""
        found = len(self.tunes) + len(self.rejected)
        lines = [
            f"{self.name}: {len(self.tunes)} of {found} tunes are usable, "
            f"{sum(map(len, self.texts))} characters"
        ]
        examples = {each.code: each for each in reversed(self.rejected)}
        counts = Counter(each.code for each in self.rejected)
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
            first = examples[code]
            lines.append(
                f"  {count:5d} {code}: first {first.source}:{first.line} "
                f"{first.title!r}: {first.reason}"
            )
        return "\n".join(lines)


def load_corpus(
    source: str | os.PathLike[str] = "folk",
    *,
    normalised: bool = False,
    progress: Callable[[int, int], object] | None = None,
) -> Corpus:
    r"""Loads the tunes of a named corpus, of an ABC file, or of a folder.

    Names are read from the corpus that music21 installs, so nothing is
    downloaded: `"oneills"` (O'Neill, Music of Ireland), `"ryans"` (Ryan's
    Mammoth Collection), `"airds"` (Aird's Airs), `"folk"`, which is these
    three, and `"essen"` (Essen folk songs, non-commercial use only).

    Files may be UTF-8, UTF-16, Windows-1252 or Latin-1, with any line ends.
    Each tune is checked with `keras_seq.music.validate`: one with an error is
    rejected, one with warnings is kept. A file of a folder that is no text, or
    empty, is rejected too; nothing is left out without being counted.

    Args:
        source: Name of a corpus, path of an ABC file, or path of a folder,
            whose `*.abc` files are read at any depth. Files may be packed by gzip,
            bzip2 or xz (`*.abc.gz`, ...), and be in a .zip.
        normalised: Whether to pass each tune through `normalise`.
        progress: Called as `progress(done, total)` with counts of tunes.

    Returns:
        A `Corpus`.

    Raises:
        FileNotFoundError: If `source` is neither a name nor a path.
        ValueError: If there is no usable tune.
        ImportError: If a named corpus is asked for and music21 is missing.

    Example:

    >>> import pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name, "two.abc")
    >>> tunes = "X:1\nT:Scale\nK:C\nCDEF GABc|\n\nX:2\nT:Odd\nK:C\nC(3D|\n"
    >>> _ = path.write_text(tunes)
    >>> corpus = load_corpus(path)
    >>> corpus.tunes[0].title, corpus.rejected[0].title
    ('Scale', 'Odd')
    >>> folder.cleanup()
    """
    files, terms = _locate(source)
    found = [item for file in files for item in _read(file, len(files))]
    tunes: list[CorpusTune] = []
    rejected: list[Rejected] = []
    for done, (name, piece) in enumerate(found, start=1):
        checked = piece if isinstance(piece, Rejected) else _check(name, piece)
        if isinstance(checked, Rejected):
            rejected.append(checked)
        else:
            text = normalise(checked.text) if normalised else checked.text
            tunes.append(replace(checked, text=text))
        if progress is not None:
            progress(done, len(found))
    if not tunes:
        first = rejected[0]
        raise ValueError(
            f"`source` {str(source)!r} holds no usable tune: {len(rejected)} were "
            f"rejected, the first at {first.source}:{first.line}, {first.reason}"
        )
    name = str(source) if Path(source).name else Path(source).resolve().name
    return Corpus(name, tuple(tunes), tuple(rejected), terms)


def _locate(source: str | os.PathLike[str]) -> tuple[list[AbcFile], str]:
    """The files of a source and their terms."""
    if isinstance(source, str) and source in CORPORA:
        root = _music21_folder() / "corpus"
        folders = [root / folder for folder in CORPORA[source]]
        terms = TERMS[source]
    else:
        root = Path(source) if Path(source).name else Path(source).resolve()
        folders = [root]
        terms = OWN_TERMS.format(path=root.name)
        if root.is_file():
            return abc_files(root.parent, [root], alone=True), terms
        if not root.is_dir():
            names = ", ".join(repr(name) for name in CORPORA)
            raise FileNotFoundError(
                f"`source` must be one of {names}, or the path of an ABC file or of "
                f"a folder of them; {str(source)!r} is neither"
            )
    files = [file for folder in folders for file in abc_files(root, below(folder))]
    if not files:
        raise ValueError(
            f"`source` {str(source)!r} must be a folder with *.abc files; none is there"
        )
    return files, terms


def _music21_folder() -> Path:
    # Looked up rather than imported: the import takes a second and more.
    spec = importlib.util.find_spec("music21")
    if spec is None or spec.origin is None:
        return Path(str(require("music21", "music").__file__)).parent
    return Path(spec.origin).parent


def _read(file: AbcFile, file_count: int) -> Iterator[tuple[str, Piece | Rejected]]:
    name = file.name
    try:
        text = file.text()
        pieces = list(split(text))
        if not pieces:
            came = "text without one" if text.strip() else "an empty file"
            raise ValueError(f"expected a tune that starts with X:, came {came}")
    except ValueError as error:
        if file_count == 1:
            raise ValueError(f"{str(file.path)!r}: {error}") from error
        yield name, Rejected(name, 1, "", "unreadable-file", str(error))
        return
    for piece in pieces:
        yield name, piece


def _check(name: str, piece: Piece) -> CorpusTune | Rejected:
    title = title_of(piece.text)
    if not piece.is_tune:
        reason = "expected an X: field at the start of a tune"
        return Rejected(name, piece.line, title, "outside-a-tune", reason)
    checked = validate(piece.text)
    errors = [each for each in checked.problems if each.severity == "error"]
    if errors:
        first = errors[0]
        reason = f"{first.message} (line {first.line}, column {first.column})"
        return Rejected(name, piece.line, title, first.code, reason)
    if checked.tune is None or not any(note.pitches for note in checked.tune.notes):
        reason = "expected notes after the K: field, came none"
        return Rejected(name, piece.line, title, "no-music", reason)
    return CorpusTune(piece.text, title, name, piece.line, reference_of(piece.text))
