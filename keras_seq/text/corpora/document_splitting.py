"""Splitting documents so that what is held out has not been read."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from keras_seq.text.corpora.splitting import look

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
    """

    parts: tuple[tuple[str, ...], ...]
    indices: tuple[tuple[int, ...], ...]
    duplicates: int
    repeated: int
    repeated_words: int
    emptied: int

    def summary(self) -> str:
        """What was left out, line by line; empty if nothing was."""
        lines = []
        if self.duplicates:
            lines.append(f"  {self.duplicates:6d} documents repeat an earlier one")
        if self.repeated:
            lines.append(
                f"  {self.repeated:6d} paragraphs ({self.repeated_words:,} words) of "
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
) -> DocumentSplit:
    """Splits documents, by their words, so that no part repeats an earlier one.

    Documents that differ only in case, white space or looks (`normalise` with
    "NFKC") count as one, and the first is kept. Then documents are drawn at random;
    one goes to the last part that it still fits into, the first part takes the
    rest. No document takes more than a quarter of a later part, if at least half of
    the documents are short enough for that. At last, paragraphs of 8 words or more
    (parted by blank lines) that an earlier part has are left out of the later ones:
    texts that quote each other would have the model tested on what it has read.

    Args:
        texts: The documents.
        sizes: Share of each part in the words, together 1.
        seed: Seed of the draw. The same documents and seed give the same split.

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
    first_of: dict[str, int] = {}
    for i, text in enumerate(texts):
        first_of.setdefault(look(text), i)
    kept = list(first_of.values())
    words = {i: len(texts[i].split()) for i in kept}
    total = sum(words.values())
    room = [float(total), *(share * total for share in sizes[1:])]
    middle = sorted(words.values())[len(kept) // 2] if kept else 0
    longest = [total, *(max(share * total / 4, middle) for share in sizes[1:])]
    order = list(kept)
    random.Random(seed).shuffle(order)
    parts: list[list[int]] = [[] for _ in sizes]
    for i in order:
        for part in reversed(range(len(sizes))):
            if words[i] <= min(room[part], longest[part]):
                room[part] -= words[i]
                parts[part].append(i)
                break
    known: set[str] = set()
    found, places = [], []
    repeated = repeated_words = emptied = 0
    for indices in map(sorted, parts):
        cleaned, here = [], set()
        for i in indices:
            text, left_out = _without(texts[i], known)
            repeated += len(left_out)
            repeated_words += sum(len(paragraph.split()) for paragraph in left_out)
            if text.strip():
                cleaned.append((i, text))
                here |= set(map(look, _long_paragraphs(text)))
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
    )
    if not all(found):
        raise ValueError(
            f"{len(texts)} documents are too few, or too uneven, to be split: of "
            f"{len(kept)} different ones the parts {tuple(sizes)} get "
            f"{', '.join(str(len(part)) for part in found)}."
        )
    return split


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, and what is between them, in turn."""
    return re.split(r"(\n[ \t\r]*\n\s*)", text)


def _long_paragraphs(text: str) -> list[str]:
    return [p for p in _paragraphs(text)[::2] if len(p.split()) >= _KNOWN_FROM]


def _without(text: str, known: set[str]) -> tuple[str, list[str]]:
    """The text without its long paragraphs that are known, and these."""
    pieces = _paragraphs(text)
    left_out = [
        i
        for i in range(0, len(pieces), 2)
        if len(pieces[i].split()) >= _KNOWN_FROM and look(pieces[i]) in known
    ]
    gone = set(left_out) | {i + 1 for i in left_out}
    kept = "".join(piece for i, piece in enumerate(pieces) if i not in gone)
    return kept, [pieces[i] for i in left_out]
