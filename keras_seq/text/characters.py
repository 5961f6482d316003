"""Text as characters: to ids and back, in Python and inside the graph."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from keras_seq.text.vocabulary import (
    END,
    PADDING,
    START,
    UNKNOWN,
    Strings,
    Vocabulary,
    as_batch,
)
from keras_seq.typing import ArrayLike, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["END", "PADDING", "START", "UNKNOWN", "CharacterVocabulary"]

_NO_CODE_POINT = 0x110000  # above them all


class CharacterVocabulary(Vocabulary):
    r"""Numbers the characters of a text: one id for each, and four marks.

    0 is padding, 1 the start of a document, 2 its end, 3 a character that
    isn't in the vocabulary; characters follow in the order of Unicode. A
    character is a code point, so accented letters may be one or two.

    Shown as pieces, characters stand for themselves; white space and control
    characters are shown as "␣" (a space) or as in a Python string ("\n").

    Args:
        characters: The characters, each once, in any order.

    Raises:
        ValueError: If a character comes twice, isn't a single code point, or
            is a surrogate, which UTF-8 cannot write.

    Example:

    >>> vocabulary = CharacterVocabulary.fit(["abba", "cab"], min_count=2)
    >>> vocabulary.encode("bag")
    [5, 4, 3]
    >>> vocabulary.decode([5, 4, 4])
    'baa'
    """

    def __init__(self, characters: Iterable[str]) -> None:
        given = list(characters)
        for character in given:
            if not isinstance(character, str) or len(character) != 1:
                raise ValueError(
                    "`characters` must be single characters; received "
                    f"{character!r} among them."
                )
            if 0xD800 <= ord(character) < 0xE000:
                raise ValueError(
                    f"`characters` must not be surrogates; received {character!r} "
                    "among them."
                )
        self.characters: str = "".join(sorted(set(given)))
        if len(self.characters) != len(given):
            twice = [c for c, n in Counter(given).items() if n > 1]
            raise ValueError(f"`characters` must differ; {twice[0]!r} comes twice.")
        self._ids = {c: END + 2 + i for i, c in enumerate(self.characters)}
        self._code_points = [ord(character) for character in self.characters]

    @classmethod
    def fit(cls, texts: Iterable[str], *, min_count: int = 1) -> "Self":
        """Makes the vocabulary of the characters in `texts`.

        Args:
            texts: Strings, of the training split alone.
            min_count: Rarer characters are left out and count as unknown, so
                that a model learns what an unknown character is.

        Returns:
            A `CharacterVocabulary`.

        Raises:
            ValueError: If `min_count` is less than 1.
        """
        if min_count < 1:
            raise ValueError(f"`min_count` must be at least 1; received {min_count!r}.")
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text)
        return cls(c for c, count in counts.items() if count >= min_count)

    def __len__(self) -> int:
        """Number of ids, the four marks included."""
        return len(self.characters) + UNKNOWN + 1

    def encode(self, text: str) -> list[int]:
        """Ids of the characters of `text`, without marks: a list of integers."""
        return [self._ids.get(character, UNKNOWN) for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`; marks give nothing, unknown gives U+FFFD.

        Raises:
            ValueError: If there is no such id.
        """
        strings = self._strings()
        return "".join(strings[i] for i in self._known(ids))

    def encode_tensor(self, texts: Strings) -> tuple[Tensor, Tensor]:
        """Ids of a batch of strings, inside the graph.

        Args:
            texts: String tensor of shape (B,), UTF-8; what isn't valid UTF-8
                becomes U+FFFD.

        Returns:
            int32 tensor of shape (B, T), padded on the right with 0, and the
            lengths, int32, shape (B,).

        Raises:
            ValueError: If `texts` has another number of dimensions.
        """
        import tensorflow as tf

        code_points = tf.strings.unicode_decode(
            as_batch(texts), "UTF-8", errors="replace"
        )
        lengths = tf.cast(code_points.row_lengths(), "int32")
        code_points = code_points.to_tensor(-1)
        # With one more at the end, every place is one that can be looked up.
        known = tf.constant([*self._code_points, _NO_CODE_POINT])
        place = tf.searchsorted(known, tf.reshape(code_points, [-1]))
        place = tf.reshape(place, tf.shape(code_points))
        found = tf.gather(known, place) == code_points
        ids = tf.where(found, place + UNKNOWN + 1, UNKNOWN)
        return tf.where(code_points < 0, PADDING, ids), lengths

    def decode_tensor(self, ids: ArrayLike, lengths: ArrayLike) -> Tensor:
        """Strings of a batch of ids, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T).
            lengths: int32 tensor of shape (B,): how many ids of a row count.

        Returns:
            String tensor of shape (B,), UTF-8.
        """
        import tensorflow as tf

        pieces = tf.gather(tf.constant(self._strings()), ids)
        counts = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return tf.strings.reduce_join(tf.where(counts, pieces, ""), axis=1)

    def _strings(self) -> list[str]:
        return ["", "", "", "\ufffd", *self.characters]

    def _names(self) -> list[str]:
        return [_visible(string) for string in self._strings()]

    def _arguments(self) -> dict[str, str]:
        return {"characters": self.characters}


def _visible(string: str) -> str:
    if string == " ":
        return "␣"
    return string if string.isprintable() else ascii(string)[1:-1]
