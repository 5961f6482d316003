"""Splitting documents so that what is held out has not been read."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from keras_seq.text.corpora.duplicates import duplicate_hash
from keras_seq.text.corpora.parts import all_parts
from keras_seq.text.words import count_words

_KNOWN_FROM = 8  # words of a paragraph


@dataclass(frozen=True, slots=True)
class DocumentSplit:
    """Documents in parts, and what was left out.

    Args:
        parts: For each part a tuple of texts, in the order of the documents.
        indices: For each part the places of its texts among the documents.
        duplicates: How many documents were left out because the same came before.
        repeated: How many paragraphs were left out because an earlier part has them.
        repeated_words: Words of these paragraphs.
        emptied: How many documents had nothing but such paragraphs.
        lines: Whether lines were left out, and not paragraphs.
    """

    parts: tuple[tuple[str, ...], ...]
    indices: tuple[tuple[int, ...], ...]
    duplicates: int
    repeated: int
    repeated_words: int
    emptied: int
    lines: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary().partition(chr(10))[0]})"

    def summary(self) -> str:
        """What was left out, line by line; empty if nothing was."""
        lines = []
        if self.duplicates:
            lines.append(f"  {self.duplicates:6d} documents repeat an earlier one")
        if self.repeated:
            units = "lines" if self.lines else "paragraphs"
            lines.append(
                f"  {self.repeated:6d} {units} ({self.repeated_words:,} words) of "
                "what is held out are in what is trained on, and left out"
            )
        if self.emptied:
            lines.append(f"  {self.emptied:6d} documents held nothing else")
        return "\n".join(lines)


def split_documents(
    texts: Sequence[str],
    sizes: Sequence[float] = (0.8, 0.1, 0.1),
    *,
    seed: int,
    parts: Sequence[str] = (),
    lines: bool = False,
) -> DocumentSplit:
    """Splits documents, by their words, so that no part repeats an earlier one.

    Documents that differ only in case, white space, looks or punctuation
    (`duplicate_key`) count as one, and the first is kept. Then documents are drawn at
    random; one goes to the last part that it still fits into, the first part takes the
    rest. No document takes more than a quarter of a later part, if at least half of
    the documents are short enough for that. At last, paragraphs of 8 words or more
    (parted by blank lines) that an earlier part has are left out of the later ones:
    texts that quote each other would have the model tested on what it has read. Where
    each line is a text by itself, all lines are that an earlier part has.

    Args:
        texts: The documents.
        sizes: Share of each part in the words, together 1.
        seed: Seed of the draw. The same documents and seed give the same split.
        parts: For each document the part that it is of, "train", "validation" or
            "test", or "" for one that is drawn. Then no part that has documents of
            its own gets others, but the first.
        lines: Whether each line is a text by itself.

    Returns:
        A `DocumentSplit`.

    Raises:
        ValueError: If `sizes` are no such shares, or a part is empty.

    Example:

    >>> texts = ["a b c", "d e f", "A  b c", "g h i", "j k l"]
    >>> split = split_documents(texts, (0.5, 0.25, 0.25), seed=1)
    >>> [len(part) for part in split.parts], split.duplicates
    ([2, 1, 1], 1)

    References:
        Lee et al. (2022), Deduplicating training data makes language models
        better.
    """
    if not sizes or min(sizes) < 0 or abs(sum(sizes) - 1) > 1e-6:
        raise ValueError(
            f"`sizes` must be shares that are together 1; received {tuple(sizes)}."
        )
    places_of = _places(texts, sizes, parts)
    first_of: dict[bytes, int] = {}
    for i in sorted(range(len(texts)), key=lambda i: places_of[i] is None):
        first_of.setdefault(duplicate_hash(texts[i]), i)
    kept = sorted(first_of.values())
    chosen = _drawn(texts, sizes, kept, places_of, seed)
    known: set[bytes] = set()
    found, places = [], []
    repeated = repeated_words = emptied = 0
    for indices in map(sorted, chosen):
        cleaned, here = [], set()
        for i in indices:
            text, left_out = _without(texts[i], known, lines)
            repeated += len(left_out)
            repeated_words += sum(map(count_words, left_out))
            if text.strip():
                cleaned.append((i, text))
                here |= set(map(duplicate_hash, _units(text, lines)))
            else:
                emptied += 1
        known |= here
        found.append(tuple(text for _, text in cleaned))
        places.append(tuple(i for i, _ in cleaned))
    split = DocumentSplit(
        tuple(found),
        tuple(places),
        len(texts) - len(kept),
        repeated,
        repeated_words,
        emptied,
        lines,
    )
    if not all(found):
        raise ValueError(
            f"{len(texts)} documents are too few, or too uneven, to be split: of "
            f"{len(kept)} different ones the parts {tuple(sizes)} get "
            f"{', '.join(str(len(part)) for part in found)}."
        )
    return split


def _places(
    texts: Sequence[str], sizes: Sequence[float], parts: Sequence[str]
) -> list[int | None]:
    """For each document the number of the part that it is of; None to be drawn."""
    if not parts:
        return [None] * len(texts)
    names = list(all_parts())
    if len(parts) != len(texts) or len(sizes) != len(names):
        raise ValueError(
            f"`parts` must be one for each of {len(texts)} documents, and `sizes` "
            f"{len(names)}; received {len(parts)} and {len(sizes)}."
        )
    given: list[int | None] = [names.index(part) if part else None for part in parts]
    if len({place for place in given if place is not None}) < len(names):
        # What is missing is drawn from what is trained on.
        return [place or None for place in given]
    return given


def _drawn(
    texts: Sequence[str],
    sizes: Sequence[float],
    kept: Sequence[int],
    given: Sequence[int | None],
    seed: int,
) -> list[list[int]]:
    """The documents of each part."""
    chosen: list[list[int]] = [[] for _ in sizes]
    for i in kept:
        place = given[i]
        if place is not None:
            chosen[place].append(i)
    full = [bool(part) for part in chosen]
    order = [i for i in kept if given[i] is None]
    words = {i: count_words(texts[i]) for i in order}
    total = sum(words.values())
    room = [float(total), *(share * total for share in sizes[1:])]
    middle = sorted(words.values())[len(order) // 2] if order else 0
    longest = [total, *(max(share * total / 4, middle) for share in sizes[1:])]
    random.Random(seed).shuffle(order)
    for i in order:
        for part in reversed(range(len(sizes))):
            if full[part] and part:
                continue
            if words[i] <= min(room[part], longest[part]):
                room[part] -= words[i]
                chosen[part].append(i)
                break
    return chosen


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, and what is between them, in turn."""
    return re.split(r"(\n[ \t\r]*\n\s*)", text)


def _pieces(text: str, lines: bool) -> list[str]:
    """The units of which none is to be repeated, and what is between them, in turn."""
    return re.split(r"(\n\s*)", text) if lines else _paragraphs(text)


def _counts(unit: str, lines: bool) -> bool:
    """Whether a unit is one that must not be repeated."""
    return bool(unit.strip()) if lines else count_words(unit) >= _KNOWN_FROM


def _units(text: str, lines: bool) -> list[str]:
    return [unit for unit in _pieces(text, lines)[::2] if _counts(unit, lines)]


def _without(text: str, known: set[bytes], lines: bool) -> tuple[str, list[str]]:
    """The text without its units that are known, and these."""
    pieces = _pieces(text, lines)
    left_out = {
        i
        for i in range(0, len(pieces), 2)
        if _counts(pieces[i], lines) and duplicate_hash(pieces[i]) in known
    }
    gone = left_out | {i + 1 for i in left_out}
    kept = "".join(piece for i, piece in enumerate(pieces) if i not in gone)
    return kept, [pieces[i] for i in sorted(left_out)]
