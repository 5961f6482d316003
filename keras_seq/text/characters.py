"""Text as characters: to ids and back, in Python and inside the graph."""

from collections import Counter

import numpy as np

from keras_seq._extras import require

PADDING, START, END, UNKNOWN = range(4)


class CharacterVocabulary:
    """Numbers the characters of a text: one id for each, and four marks.

    0 is padding, 1 the start of a document, 2 its end, 3 a character that
    isn't in the vocabulary; characters follow in the order of Unicode. A
    character is a code point, so accented letters may be one or two.

    The tensor methods consist of TensorFlow operations without state (no
    look-up tables), so they can be exported as they are.

    Args:
        characters: The characters, each once, in any order.

    Raises:
        ValueError: If a character comes twice or isn't a single code point.

    Example:

    >>> vocabulary = CharacterVocabulary.fit(["abba", "cab"], min_count=2)
    >>> vocabulary.encode("bag")
    [5, 4, 3]
    >>> vocabulary.decode([5, 4, 4])
    'baa'
    """

    def __init__(self, characters):
        characters = list(characters)
        for character in characters:
            if not isinstance(character, str) or len(character) != 1:
                raise ValueError(
                    "`characters` must be single characters; received "
                    f"{character!r} among them."
                )
        self.characters = "".join(sorted(set(characters)))
        if len(self.characters) != len(characters):
            twice = [c for c, n in Counter(characters).items() if n > 1]
            raise ValueError(f"`characters` must differ; {twice[0]!r} comes twice.")
        self._ids = {c: END + 2 + i for i, c in enumerate(self.characters)}
        self._code_points = np.array([ord(c) for c in self.characters], "int32")

    @classmethod
    def fit(cls, texts, *, min_count=1):
        """Makes the vocabulary of the characters in `texts`.

        Args:
            texts: Strings, of the training split alone.
            min_count: Rarer characters are left out and count as unknown, so
                that a model learns what an unknown character is.

        Returns:
            A `CharacterVocabulary`.
        """
        counts = Counter()
        for text in texts:
            counts.update(text)
        return cls(c for c, count in counts.items() if count >= min_count)

    def __len__(self):
        """Number of ids, the four marks included."""
        return len(self.characters) + UNKNOWN + 1

    def encode(self, text):
        """Ids of the characters of `text`, without marks: a list of integers."""
        return [self._ids.get(character, UNKNOWN) for character in text]

    def decode(self, ids):
        """Text of `ids`; marks give nothing, unknown gives U+FFFD."""
        return "".join(self._strings()[i] for i in ids)

    def encode_tensor(self, texts):
        """Ids of a batch of strings, inside the graph.

        Args:
            texts: String tensor of shape (B,), UTF-8; what isn't valid UTF-8
                becomes U+FFFD.

        Returns:
            int32 tensor of shape (B, T), padded on the right with 0, and the
            lengths, int32, shape (B,).
        """
        tf = require("tensorflow", "text")
        code_points = tf.strings.unicode_decode(texts, "UTF-8", errors="replace")
        lengths = tf.cast(code_points.row_lengths(), "int32")
        code_points = code_points.to_tensor(-1)
        known = tf.constant(self._code_points)
        place = tf.searchsorted(known, tf.reshape(code_points, [-1]))
        place = tf.reshape(place, tf.shape(code_points))
        found = tf.gather(known, tf.minimum(place, len(self.characters) - 1)) == code_points
        ids = tf.where(found, place + UNKNOWN + 1, UNKNOWN)
        return tf.where(code_points < 0, PADDING, ids), lengths

    def decode_tensor(self, ids, lengths):
        """Strings of a batch of ids, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T).
            lengths: int32 tensor of shape (B,): how many ids of a row count.

        Returns:
            String tensor of shape (B,), UTF-8.
        """
        tf = require("tensorflow", "text")
        pieces = tf.gather(tf.constant(self._strings()), ids)
        counts = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return tf.strings.reduce_join(tf.where(counts, pieces, ""), axis=1)

    def _strings(self):
        return ["", "", "", "\ufffd", *self.characters]
