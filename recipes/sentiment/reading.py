"""Texts as the sentiment recipe's model reads them: pieces of words, and n-grams."""

import random
from typing import Any, Literal, NamedTuple, TypeAlias

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Progress
from keras_seq.text import (
    NgramHasher,
    Ngrams,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    normalise_tensor,
    split_words_tensor,
)
from keras_seq.typing import Tensor

Level: TypeAlias = Literal["words", "characters"]
SUBWORD_DROPOUT = 0.1
HEAD, TAIL = 100, 300  # pieces of a longer text that the LSTM reads
WORDS, LONG_WORDS, CHARACTERS = (1, 2), (1, 2, 3), (3, 4, 5, 6)
MOST_CHARACTERS = 6_000_000  # of the training texts, for n-grams of characters
BUCKETS = (2**12, 2**22)
AT_ONCE = 512  # texts
_SPACE = "\u2581"


class Reading(NamedTuple):
    """A batch of texts as tensors.

    Attributes:
        words: Ragged strings (B, None): the words, in lower case.
        pieces: int32 (B, T): what the LSTM reads, 0 for padding; T is 1 at least.
        owner: int32 (B, T): the word that each piece belongs to.
        length: int32 (B,): pieces of the whole text.
        ngrams: Dict from a level to `Ngrams`.
    """

    words: Tensor
    pieces: Tensor
    owner: Tensor
    length: Tensor
    ngrams: dict[str, Ngrams]


class Reader:
    """Makes of texts what the model takes, inside the graph.

    Args:
        vocabulary: `SubwordVocabulary` or `WordVocabulary` of the LSTM.
        hashers: Dict from a level, "words" or "characters", to its `NgramHasher`.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        hashers: dict[str, NgramHasher],
    ) -> None:
        self.vocabulary = vocabulary
        self.hashers = hashers

    @property
    def longest(self) -> int:
        """Pieces that the LSTM reads at most: the first and the last ones."""
        return HEAD + TAIL

    def to_config(self) -> dict[str, Any]:
        """The reader as a JSON-able dict."""
        return {
            "vocabulary": self.vocabulary.to_config(),
            "hashers": [hasher.to_config() for hasher in self.hashers.values()],
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Reader":
        """The reader that `to_config` described."""
        hashers = [NgramHasher(**hasher) for hasher in config["hashers"]]
        return cls(
            Vocabulary.from_config(config["vocabulary"]),
            {hasher.level: hasher for hasher in hashers},
        )

    def __call__(self, texts: Tensor) -> Reading:
        """Reads a string tensor of shape (B,).

        Returns:
            `Reading`.
        """
        words = words_of(texts)
        pieces, owner, length = self._pieces(words)
        ngrams = {level: hasher(words) for level, hasher in self.hashers.items()}
        return Reading(words, pieces, owner, length, ngrams)

    def inputs(self, reading: Reading) -> dict[str, Tensor]:
        """The model's inputs, a dict of dense tensors, of a `Reading`."""
        tf = require("tensorflow", "recipes")
        rows = reading.words.nrows(tf.int32)
        inputs = {"pieces": reading.pieces}
        for level, found in reading.ngrams.items():
            order = tf.argsort(found.row, stable=True)
            row = tf.gather(found.row, order)
            for name, values in (("id", found.id), ("share", found.share)):
                values = tf.RaggedTensor.from_value_rowids(
                    tf.gather(values, order), row, rows
                )
                inputs[f"{level}_{name}"] = values.to_tensor()
        return inputs

    def _pieces(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tf = require("tensorflow", "recipes")
        spaced = tf.strings.reduce_join(words, axis=1, separator=" ")
        ids, length = self.vocabulary.encode_tensor(spaced)
        if isinstance(self.vocabulary, SubwordVocabulary):
            starts = np.zeros(len(self.vocabulary), "int32")
            first = len(starts) - len(self.vocabulary.entries)
            for i, piece in enumerate(self.vocabulary.entries):
                starts[first + i] = piece.startswith(_SPACE)
            owner = tf.cumsum(tf.gather(tf.constant(starts), ids), axis=1) - 1
        else:
            owner = tf.ones_like(ids) * tf.range(tf.shape(ids)[1])
        # One step at least, and of a longer text the head and the tail.
        count = tf.clip_by_value(tf.shape(ids)[1], 1, self.longest)
        ids, owner = (
            tf.pad(x, [[0, 0], [0, tf.maximum(1 - tf.shape(x)[1], 0)]])
            for x in (ids, owner)
        )
        place = tf.range(count)[None]
        skipped = tf.maximum(length - self.longest, 0)[:, None]
        place = tf.where(place < HEAD, place, place + skipped)
        chosen, owner = (tf.gather(x, place, batch_dims=1) for x in (ids, owner))
        return chosen, tf.maximum(owner, 0), length


def words_of(texts: Tensor) -> Tensor:
    """The words of a batch of texts, normalised and in lower case, in the graph."""
    tf = require("tensorflow", "recipes")
    # To subwords that character is a space: it would begin a word where none is.
    texts = tf.strings.regex_replace(normalise_tensor(texts), _SPACE, " ")
    return split_words_tensor(texts, lowercase=True)


def spaced_texts(texts: list[str], progress: Progress | None = None) -> list[str]:
    """Texts with a space between words, as the vocabulary sees them: a list."""
    tf = require("tensorflow", "recipes")
    join = tf.function(
        lambda x: tf.strings.reduce_join(words_of(x), axis=1, separator=" "),
        input_signature=[tf.TensorSpec([None], tf.string)],
        autograph=False,
    )
    found: list[str] = []
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        found += [text.decode() for text in join(tf.constant(some)).numpy()]
        if progress is not None:
            progress(len(found), len(texts))
    return found


def split_anew(
    vocabulary: SubwordVocabulary | WordVocabulary, text: str, chance: random.Random
) -> list[int]:
    """The ids of a text for training: subwords at random, words as they are."""
    if isinstance(vocabulary, SubwordVocabulary):
        return vocabulary.encode_sampled(text, chance, dropout=SUBWORD_DROPOUT)
    return vocabulary.encode(text)


def shortened(ids: list[int]) -> list[int]:
    """The pieces of a text that the LSTM reads: the head and the tail of a long one."""
    return ids if len(ids) <= HEAD + TAIL else [*ids[:HEAD], *ids[-TAIL:]]


def at_last_piece(mask: Tensor) -> Tensor:
    """1 at the last piece of each text, else 0; mask and result of shape (B, T)."""
    here = keras.ops.cast(mask, "float32")
    return here * (1 - keras.ops.pad(here[:, 1:], [[0, 0], [0, 1]]))


def orders_for(texts: list[str]) -> dict[Level, tuple[int, ...]]:
    """The n-grams that such texts are described by: dict from a level to its orders.

    Of many long texts, n-grams of characters are too many, and needed less: there
    groups of three words come often enough to be learnt from.
    """
    if sum(map(len, texts)) <= MOST_CHARACTERS:
        return {"words": WORDS, "characters": CHARACTERS}
    return {"words": LONG_WORDS}


def ngram_matrix(
    hasher: NgramHasher, texts: list[str], progress: Progress | None = None
) -> Any:
    """How the texts consist of n-grams.

    Args:
        hasher: `NgramHasher`.
        texts: Strings.
        progress: Called as `progress(done, total)`, or None.

    Returns:
        `scipy.sparse.csr_matrix` of shape (texts, buckets), 1 where one is.
    """
    tf = require("tensorflow", "recipes")
    sparse = require("scipy.sparse", "recipes")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def find(texts: Tensor) -> Tensor:
        found = hasher(tf.strings.split(texts, " "))
        key = tf.cast(found.row, "int64") * hasher.buckets
        return tf.unique(key + tf.cast(found.id, "int64"))[0]

    keys = []
    for start in range(0, len(texts), AT_ONCE):
        some = find(tf.constant(texts[start : start + AT_ONCE])).numpy()
        keys.append(some + start * hasher.buckets)
        if progress is not None:
            progress(min(start + AT_ONCE, len(texts)), len(texts))
    rows, columns = np.divmod(np.concatenate(keys), hasher.buckets)
    ones = np.ones(len(rows), "float32")
    return sparse.csr_matrix(
        (ones, (rows, columns)), shape=(len(texts), hasher.buckets)
    )


def hasher_for(level: Level, orders: tuple[int, ...], texts: list[str]) -> NgramHasher:
    """A hasher with about four buckets for each n-gram of the texts."""
    hasher = NgramHasher(level, orders, 2**30)
    tf = require("tensorflow", "recipes")
    seen = np.zeros(0, "int64")
    for start in range(0, len(texts), AT_ONCE):
        words = tf.strings.split(tf.constant(texts[start : start + AT_ONCE]), " ")
        seen = np.union1d(seen, hasher(words).id.numpy())
        if 4 * len(seen) >= BUCKETS[1]:
            break
    power = int(np.ceil(np.log2(max(4 * len(seen), 1))))
    return NgramHasher(level, orders, int(np.clip(2**power, *BUCKETS)))
