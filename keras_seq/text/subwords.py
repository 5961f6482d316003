"""Text as pieces of words: to ids and back, in Python and inside the graph."""

import random
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from keras_seq.text import _sentencepiece
from keras_seq.text._autograph import unconverted
from keras_seq.text._byte_pairs import BytePairSplitter
from keras_seq.text._sentencepiece import BYTES, SPACE
from keras_seq.text._unigram import UnigramSplitter
from keras_seq.text.vocabulary import (
    UNKNOWN,
    Strings,
    Vocabulary,
    as_batch,
    encodable,
)
from keras_seq.typing import ArrayLike, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self

_FIRST_BYTE = UNKNOWN + 1
_FIRST_PIECE = _FIRST_BYTE + len(BYTES)
_REMEMBERED = 2**16  # words
_CONTINUED = "·"


class SubwordVocabulary(Vocabulary):
    r"""Numbers the pieces of words that SentencePiece finds in a text.

    Frequent words are one piece, rare ones several. A character that is no
    piece becomes the bytes of its UTF-8, so nothing is unknown: every text
    comes back from its ids as it was, white space and control characters
    included. Only U+2581, which stands for a space here, comes back as one, and
    a surrogate, which UTF-8 cannot write, as "?".

    0 to 3 are the marks, 4 to 259 the bytes, the pieces follow. A piece that
    begins a word begins with U+2581; no piece crosses a space.

    With `"bpe"` two neighbours are merged again and again, the pair first whose
    piece was learned first. With `"unigram"` the split is taken whose pieces
    multiply to the highest probability. Ids are those of SentencePiece, which
    is needed by `fit` alone: the tensor methods consist of core TensorFlow
    operations without state, so they can be exported as they are.

    Shown as pieces, the beginning of a word stands for itself, a letter or digit
    that continues one has "·" before it, a space without a word is "␣" and a
    byte is, for example, "<0xE6>".

    Args:
        entries: The pieces, U+2581 among them, in the order of their ids.
        scores: ln p of each piece for `"unigram"`; None for `"bpe"`, where the
            earlier of two pieces is merged first.

    Raises:
        ValueError: If pieces are empty, come twice, or have U+2581 elsewhere
            than at their beginning; if it isn't among them; if there isn't one
            score for each.

    Example:

    >>> texts = ["low lower lowest", "new newer newest"]
    >>> vocabulary = SubwordVocabulary.fit(texts, size=280)
    >>> ids = vocabulary.encode("newer low  é")
    >>> vocabulary.pieces(ids)
    ['ne', '·wer', 'low', '␣', '␣', '<0xC3>', '<0xA9>']
    >>> vocabulary.decode(ids)
    'newer low  é'

    References:
        Kudo and Richardson, 2018. SentencePiece: A simple and language
        independent subword tokenizer and detokenizer.
        Sennrich, Haddow and Birch, 2016. Neural machine translation of rare
        words with subword units.
        Kudo, 2018. Subword regularization.
        Provilkov, Emelianenko and Voita, 2020. BPE-dropout.
    """

    def __init__(
        self, entries: Iterable[str], *, scores: Iterable[float] | None = None
    ) -> None:
        self.entries: list[str] = list(entries)
        self.scores: list[float] | None = None
        if scores is not None:
            self.scores = [float(score) for score in scores]
        _check(self.entries, self.scores)
        ids = {piece: _FIRST_PIECE + i for i, piece in enumerate(self.entries)}
        self._splitter: BytePairSplitter | UnigramSplitter
        if self.scores is None:
            self._splitter = BytePairSplitter(ids, len(self))
        else:
            by_piece = dict(zip(self.entries, self.scores, strict=True))
            self._splitter = UnigramSplitter(ids, by_piece, len(self))
        self._strings = [b""] * UNKNOWN + ["\ufffd".encode()]
        self._strings += [bytes([byte]) for byte in range(len(BYTES))]
        self._strings += [piece.encode() for piece in self.entries]
        self._shown = ["", "", "", "\ufffd", *BYTES, *map(_shown, self.entries)]
        self._split_words: dict[str, list[int]] = {}

    @classmethod
    def fit(
        cls,
        texts: Iterable[str],
        *,
        size: int = 8000,
        model: Literal["bpe", "unigram"] = "bpe",
        coverage: float = 0.9999,
    ) -> "Self":
        """Makes the vocabulary of the most useful pieces of `texts`.

        The same texts in the same order give the same vocabulary.

        Args:
            texts: Strings, of the training split alone.
            size: Ids at most, at least 261. Few texts do not fill it: `len()`
                tells the number reached.
            model: `"bpe"` or `"unigram"`.
            coverage: Share of the characters of the texts that shall be pieces
                of their own. The rarest beyond it are written as bytes, as are
                those that do not fit into `size`.

        Returns:
            A `SubwordVocabulary`.

        Raises:
            ValueError: If an argument is out of its range.
            ImportError: If sentencepiece is missing.
        """
        if size < _FIRST_PIECE + 1:
            raise ValueError(
                f"`size` must be at least {_FIRST_PIECE + 1}, for 4 marks, 256 bytes "
                f"and the space; received {size!r}."
            )
        if model not in ("bpe", "unigram"):
            raise ValueError(f'`model` must be "bpe" or "unigram"; received {model!r}.')
        if not 0 < coverage <= 1:
            raise ValueError(f"`coverage` must be in (0, 1]; received {coverage!r}.")
        trained = _sentencepiece.train(list(texts), size, model, coverage)
        if trained is None:
            pieces, scores = [SPACE], [0.0]
        else:
            pieces, scores = _sentencepiece.read(trained)
        return cls(pieces, scores=scores if model == "unigram" else None)

    @property
    def model(self) -> Literal["bpe", "unigram"]:
        """`"bpe"` or `"unigram"`."""
        return "bpe" if self.scores is None else "unigram"

    def __len__(self) -> int:
        """Number of ids, marks and bytes included."""
        return _FIRST_PIECE + len(self.entries)

    def encode(self, text: str) -> list[int]:
        """Ids of the pieces of `text`, without marks: a list of integers."""
        ids: list[int] = []
        for word in _words(text):
            if word not in self._split_words:
                if len(self._split_words) >= _REMEMBERED:
                    self._split_words.clear()
                self._split_words[word] = self._spelled(self._splitter.split(word))
            ids += self._split_words[word]
        return ids

    def encode_sampled(
        self,
        text: str,
        seed: int | random.Random,
        *,
        dropout: float | None = None,
        alpha: float | None = None,
    ) -> list[int]:
        """Ids of a random split of `text`, for training.

        A model that sees words in different pieces learns what they consist of.
        With `"bpe"` it is BPE-dropout: at every step each pair is left out with
        the probability `dropout`, and the best of the others is merged; 0 gives
        what `encode` gives, 1 single characters, 0.1 is usual. With `"unigram"`
        a split x is drawn with a probability proportional to p(x)^`alpha`; 0
        makes all equal, a large one gives what `encode` gives, 0.1 to 0.5 is
        usual.

        Args:
            text: String.
            seed: Integer, or a `random.Random` to draw from. The same seed gives
                the same split.
            dropout: For `"bpe"`, in [0, 1].
            alpha: For `"unigram"`, 0 or more.

        Returns:
            List of integers.

        Raises:
            ValueError: If the number that the model needs is missing or out of
                its range, or the other one is given.
        """
        if self.model == "bpe":
            name, amount, other, limit = "dropout", dropout, alpha, 1.0
        else:
            name, amount, other, limit = "alpha", alpha, dropout, sys.float_info.max
        if other is not None or amount is None or not 0 <= amount <= limit:
            raise ValueError(
                f"For {self.model!r}, `{name}` alone must be given, finite, from 0"
                f"{' to 1' if limit == 1 else ''}; received `dropout` {dropout!r} "
                f"and `alpha` {alpha!r}."
            )
        chance = seed if isinstance(seed, random.Random) else random.Random(seed)
        return [
            i
            for word in _words(text)
            for i in self._spelled(
                self._splitter.split(word, chance=chance, **{name: amount})
            )
        ]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of `ids`; marks give nothing, unknown gives U+FFFD.

        Bytes that are no UTF-8, which a model may write, give U+FFFD.

        Raises:
            ValueError: If there is no such id.
        """
        joined = b"".join(self._strings[i] for i in self._known(ids))
        text = joined.decode("utf-8", "replace").replace(SPACE, " ")
        return text.removeprefix(" ")

    @unconverted
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

        batch = as_batch(texts)
        spaced = tf.strings.regex_replace(batch, " ", SPACE)
        spaced = tf.where(batch == "", "", SPACE + spaced)
        spelled = tf.strings.unicode_decode(spaced, "UTF-8", errors="replace")
        code_points = spelled.flat_values
        words = tf.cumsum(tf.cast(code_points == ord(SPACE), "int32")) - 1
        rows = tf.math.segment_min(tf.cast(spelled.value_rowids(), "int32"), words)
        ids, words = tf.cond(
            tf.size(words) > 0,
            lambda: self._splitter.split_tensor(code_points, words),
            lambda: (words, words),
        )
        ids, rows = self._spelled_tensor(ids, tf.gather(rows, words))
        count = tf.size(batch, tf.int32)
        ids = tf.RaggedTensor.from_value_rowids(ids, rows, count)
        return ids.to_tensor(0), tf.cast(ids.row_lengths(), "int32")

    def decode_tensor(self, ids: ArrayLike, lengths: ArrayLike) -> Tensor:
        """Strings of a batch of ids, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T).
            lengths: int32 tensor of shape (B,): how many ids of a row count.

        Returns:
            String tensor of shape (B,), UTF-8.
        """
        import tensorflow as tf

        pieces = tf.gather(tf.constant(self._strings), ids)
        counts = tf.sequence_mask(lengths, tf.shape(ids)[1])
        texts = tf.strings.reduce_join(tf.where(counts, pieces, b""), axis=1)
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, SPACE, " ")
        return tf.strings.regex_replace(texts, "^ ", "")

    def _names(self) -> list[str]:
        return self._shown

    def _arguments(self) -> dict[str, Any]:
        return {"entries": self.entries, "scores": self.scores}

    def _spelled(self, ids: list[int]) -> list[int]:
        """The ids, with bytes for the characters that are no pieces."""
        if not any(i >= len(self) for i in ids):
            return ids
        spelled = []
        for i in ids:
            if i < len(self):
                spelled.append(i)
            else:
                character = chr(i - len(self)).encode()
                spelled += [_FIRST_BYTE + byte for byte in character]
        return spelled

    def _spelled_tensor(self, ids: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The same in the graph, and the row of each."""
        import tensorflow as tf

        code_points = tf.maximum(ids - len(self), 0)
        characters = tf.strings.unicode_encode(code_points[:, None], "UTF-8")
        spelled = _FIRST_BYTE + tf.cast(
            tf.io.decode_raw(characters, "uint8", fixed_length=4), "int32"
        )
        is_piece = ids < len(self)
        spelled = tf.where(is_piece[:, None], ids[:, None], spelled)
        counts = tf.where(is_piece, 1, tf.strings.length(characters))
        mask = tf.sequence_mask(counts, 4)
        rows = tf.broadcast_to(rows[:, None], tf.shape(spelled))
        return tf.boolean_mask(spelled, mask), tf.boolean_mask(rows, mask)


def _words(text: str) -> list[str]:
    """The words of a text, each with its space before it."""
    if not text:
        return []
    return re.findall(
        f"{SPACE}[^{SPACE}]*", SPACE + encodable(text).replace(" ", SPACE)
    )


def _shown(piece: str) -> str:
    if piece == SPACE:
        return "␣"
    if piece.startswith(SPACE):
        return piece[1:]
    return _CONTINUED + piece if piece[0].isalnum() else piece


def _check(entries: Sequence[str], scores: Sequence[float] | None) -> None:
    if SPACE not in entries:
        raise ValueError(
            f"`entries` must have U+2581 among them; received {len(entries)} without."
        )
    if len(set(entries)) != len(entries):
        raise ValueError("`entries` must differ; received one twice.")
    for piece in entries:
        if not piece or SPACE in piece[1:]:
            raise ValueError(
                "`entries` must be pieces with U+2581 at most at their beginning; "
                f"received {piece!r} among them."
            )
    if scores is not None and len(scores) != len(entries):
        raise ValueError(
            f"`scores` must be as many as `entries`, {len(entries)}; received "
            f"{len(scores)}."
        )
