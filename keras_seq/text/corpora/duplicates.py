"""Texts that are the same, or nearly: said once, for everything that splits."""

import functools
import hashlib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence

from keras_seq.text._character_classes import is_word, python_class
from keras_seq.text.normalising import normalise
from keras_seq.text.vocabulary import encodable


def duplicate_key(text: str) -> str:
    r"""What texts have in common that count as the same.

    Case, white space, looks ("NFKC" of `normalise`) and everything that is no letter,
    mark or digit make no difference: "Run!" and "run." are one text to somebody who
    has read either. A text of nothing but such signs is itself.

    Args:
        text: String.

    Returns:
        String; equal ones belong to texts that count as the same.

    Example:

    >>> duplicate_key("Don't  RUN!") == duplicate_key("don’t run .")
    True
    >>> duplicate_key("I have 2.") == duplicate_key("I have 3.")
    False
    >>> duplicate_key(":-)")
    ':-)'

    References:
        Lee et al. (2022), Deduplicating training data makes language models better.
    """
    same = text.lower()
    if not text.isascii():
        same = unicodedata.normalize("NFKC", encodable(text)).casefold()
        same = unicodedata.normalize("NFKC", same)
    try:  # bytes are far faster than the expressions
        data = same.encode("latin-1").translate(*_latin())
        key = b" ".join(data.split()).decode("latin-1")
    except UnicodeEncodeError:
        key = _signs().sub(" ", _APOSTROPHES.sub("", same)).strip(" ")
    return key or normalise(text, form="NFKC", casefold=True)


def duplicate_hash(text: str) -> bytes:
    """A number for `duplicate_key`, of 16 bytes: of millions of texts the keys would
    take as much memory as these.

    Args:
        text: String.

    Returns:
        Bytes; equal ones belong to texts that count as the same.

    Example:

    >>> duplicate_hash("Run!") == duplicate_hash("run.")
    True
    """
    key = duplicate_key(text).encode()
    return hashlib.blake2b(key, digest_size=16).digest()


_APOSTROPHES = re.compile("['’ʼ`´]")


class Groups:
    """Disjoint groups of `count` things, joined pair by pair (union-find)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def find(self, index: int) -> int:
        """The first member of the group that `index` is in."""
        parents = self._parents
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    def join(self, first: int, second: int) -> None:
        """Makes one group of the two that `first` and `second` are in."""
        first, second = self.find(first), self.find(second)
        self._parents[max(first, second)] = min(first, second)

    def roots(self) -> list[int]:
        """For each thing the first member of its group."""
        return [self.find(index) for index in range(len(self._parents))]

    def members(self) -> list[list[int]]:
        """The groups, in the order of their first members."""
        found: dict[int, list[int]] = {}
        for index, root in enumerate(self.roots()):
            found.setdefault(root, []).append(index)
        return list(found.values())


def joined_by(items: Iterable[Sequence[Hashable]], count: int) -> Groups:
    """Groups of things that have a key in common, of which each has some."""
    groups = Groups(count)
    first_with: dict[Hashable, int] = {}
    for index, keys in enumerate(items):
        for key in keys:
            groups.join(first_with.setdefault(key, index), index)
    return groups


def near_duplicates(texts: Iterable[str]) -> int:
    """How many different texts are nearly one that came before.

    Args:
        texts: Strings.

    Example:

    >>> near_duplicates(["Run!", "run.", "run.", "Stop!"])
    1
    """
    different = set(texts)
    return len(different) - len({duplicate_hash(text) for text in different})


@functools.cache
def _latin() -> tuple[bytes, bytes]:
    """What the characters of Latin-1 become, and those that are left out."""
    characters = [chr(code) for code in range(256)]
    table = "".join(c if _counts(c) else " " for c in characters)
    left_out = "".join(c for c in characters if _APOSTROPHES.match(c))
    return table.encode("latin-1"), left_out.encode("latin-1")


@functools.cache
def _signs() -> re.Pattern[str]:
    return re.compile(f"[^{python_class(_counts)}]+")


def _counts(character: str) -> bool:
    """Letters, marks and digits, and no joiners or "_"."""
    return is_word(character) and unicodedata.category(character)[0] in "LMN"
