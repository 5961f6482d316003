"""Texts as sets of n-grams, numbered by their hashes, inside the graph."""

import numbers
import typing
from collections.abc import Iterable

from keras_seq.typing import Tensor

LEVELS = ("words", "characters")
_BETWEEN = "\x1f"  # in no word: control characters separate them
_EDGE = " "


class Ngrams(typing.NamedTuple):
    """The occurrences of n-grams in a batch of texts, N in all.

    Attributes:
        row: int32 (N,): the text that it occurs in.
        id: int32 (N,): its number, in [0, buckets).
        share: float32 (N,): 1 over how often the text has n-grams of that number,
            so that all of them together count once.
        first: int32 (N,): its first word, counted from 0 in its text.
        last: int32 (N,): its last word.
    """

    row: Tensor
    id: Tensor
    share: Tensor
    first: Tensor
    last: Tensor


class NgramHasher:
    r"""Finds and numbers the n-grams of texts, without a table of them.

    An n-gram's number is the hash of its characters (FarmHash's Fingerprint64) modulo
    `buckets`, so any n-gram has one and a few share one. An order n of words is n
    neighbouring words; an order n of characters is n neighbouring characters of one
    word, which has a space before and after it for this.

    Args:
        level: "words" or "characters".
        orders: The orders, integers of at least 1.
        buckets: How many numbers there are, an integer of at least 1.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> from keras_seq.text import split_words_tensor
    >>> hasher = NgramHasher("words", (1, 2), 1000)
    >>> found = hasher(split_words_tensor(["so so good"]))
    >>> [part.numpy().tolist() for part in (found.first, found.last)]
    [[0, 1, 2, 0, 1], [0, 1, 2, 1, 2]]
    >>> found.share.numpy().tolist()  # "so" comes twice, all others once
    [0.5, 0.5, 1.0, 1.0, 1.0]

    References:
        [Weinberger et al., 2009](https://arxiv.org/abs/0902.2206): the hashing trick.
    """

    def __init__(
        self,
        level: typing.Literal["words", "characters"],
        orders: Iterable[int],
        buckets: int,
    ) -> None:
        if level not in LEVELS:
            raise ValueError(
                f"`level` must be one of {', '.join(map(repr, LEVELS))}; received "
                f"{level!r}."
            )
        orders = tuple(orders)
        if not orders or not all(map(_is_count, orders)):
            raise ValueError(
                f"`orders` must be integers of at least 1; received {orders!r}."
            )
        if not _is_count(buckets):
            raise ValueError(
                f"`buckets` must be an integer of at least 1; received {buckets!r}."
            )
        self.level = level
        self.orders: tuple[int, ...] = tuple(map(int, orders))
        self.buckets: int = int(buckets)

    def to_config(self) -> dict[str, typing.Any]:
        """The arguments as a JSON-able dict, for `NgramHasher(**config)`."""
        return {
            "level": self.level,
            "orders": list(self.orders),
            "buckets": self.buckets,
        }

    def __call__(self, words: Tensor) -> Ngrams:
        """The n-grams of a batch of texts.

        Args:
            words: Ragged string tensor of shape (B, None), UTF-8.

        Returns:
            `Ngrams`.
        """
        import tensorflow as tf

        find = self._of_words if self.level == "words" else self._of_characters
        parts = [find(words, order) for order in self.orders]
        row, first, last, strings = (
            tf.concat(part, 0) for part in zip(*parts, strict=True)
        )
        number = tf.strings.to_hash_bucket_fast(strings, self.buckets)
        key = tf.cast(row, "int64") * self.buckets + number
        _, index, count = tf.unique_with_counts(key)
        share = 1 / tf.gather(count, index)
        return Ngrams(
            row, tf.cast(number, "int32"), tf.cast(share, "float32"), first, last
        )

    def _of_words(self, words: Tensor, order: int) -> tuple[Tensor, ...]:
        import tensorflow as tf

        found = tf.strings.ngrams(words, order, separator=_BETWEEN)
        row, first = _places(found)
        return row, first, first + order - 1, found.flat_values

    def _of_characters(self, words: Tensor, order: int) -> tuple[Tensor, ...]:
        import tensorflow as tf

        spaced = tf.strings.join([_EDGE, words.flat_values, _EDGE])
        spelled = tf.strings.unicode_split(spaced, "UTF-8", errors="replace")
        found = tf.strings.ngrams(spelled, order, separator="")
        word = tf.cast(found.value_rowids(), "int32")
        row, place = _places(words)
        place = tf.gather(place, word)
        return tf.gather(row, word), place, place, found.flat_values


def _is_count(value: object) -> bool:
    return isinstance(value, numbers.Integral) and int(value) >= 1


def _places(ragged: Tensor) -> tuple[Tensor, Tensor]:
    """Row of each value of a ragged (B, None) tensor, and its place in the row."""
    import tensorflow as tf

    row = ragged.value_rowids()
    place = tf.range(tf.size(row, row.dtype)) - tf.gather(ragged.row_starts(), row)
    return tf.cast(row, "int32"), tf.cast(place, "int32")
