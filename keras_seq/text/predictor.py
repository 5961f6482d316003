"""Next words, continued texts, and how likely texts are."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from keras_seq.decoding import Beam, Sample, generate
from keras_seq.extras import require
from keras_seq.text._completion import complete_words
from keras_seq.text._strings import utf8
from keras_seq.text._windows import nats_behind, state_behind
from keras_seq.text._word_steps import HOTTEST, PIECES, StepModel, WordSteps
from keras_seq.text.line_marks import (
    mark_lines_tensor,
    restore_lines_tensor,
)
from keras_seq.text.next_words import NextWords, encode_document
from keras_seq.text.vocabulary import END, START, UNKNOWN, Strings, Vocabulary
from keras_seq.text.words import split_words_tensor
from keras_seq.training.batches import batches_by_length, pad
from keras_seq.typing import Array, Nest, Numbers, Tensor, TokenIds

_LONGEST = 100_000  # words that are written at most


class _Model(StepModel, Protocol):
    """What a predictor calls of a language model; arguments as the class says."""

    built: bool

    def build(self, input_shape: Any) -> None: ...
    def read(self, *args: Any, **kwargs: Any) -> Any: ...
    def logits(self, *args: Any, **kwargs: Any) -> Any: ...
    def initial_state(self, *args: Any, **kwargs: Any) -> Any: ...


class TextPredictor:
    """Lets a language model foresee, continue and judge texts.

    Texts are read from a start mark on, with the ends of lines as words (see
    `mark_lines`). An unknown word is read as such, but never written.

    Args:
        model: A `RecurrentLanguageModel`, or a model with its `read`, `logits`,
            `step` and `initial_state`.
        vocabulary: Its `WordVocabulary` or `SubwordVocabulary`.

    Example:

    >>> from keras_seq.layers import RecurrentLanguageModel
    >>> from keras_seq.text import WordVocabulary
    >>> vocabulary = WordVocabulary.fit(["to be, or not to be"])
    >>> model = RecurrentLanguageModel(len(vocabulary), dim=4, units=4)
    >>> predictor = TextPredictor(model, vocabulary)
    >>> [found] = predictor.predict(["to be"], count=3)
    >>> len(found.words), sum(found.probabilities) < 1
    (3, True)
    >>> [text] = predictor.continue_texts(["to be,"], words=4, seed=1)
    >>> [nats] = predictor.nats(["to be, or not"])
    >>> nats.shape  # five words and the end mark
    (6,)
    """

    def __init__(self, model: _Model, vocabulary: Vocabulary) -> None:
        if not model.built:
            model.build((None, None))
        self.model = model
        self.vocabulary = vocabulary
        self._steps = WordSteps(model, vocabulary)
        tf = require("tensorflow", "text")
        strings, floats, integers = (
            tf.TensorSpec([None], dtype) for dtype in (tf.string, tf.float32, tf.int32)
        )
        self._continued = tf.function(
            self.continue_tensor,
            input_signature=[strings, integers, floats, floats, integers],
            autograph=False,
        )
        self._judged = tf.function(
            self._token_nats,
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        self._likeliest: dict[int, Callable[..., dict[str, Tensor]]] = {}

    def encode(self, text: str) -> list[int]:
        """The ids of a document between its marks."""
        return encode_document(self.vocabulary, text)

    def predict(self, texts: Iterable[str], *, count: int = 10) -> list[NextWords]:
        """The likeliest next words.

        Args:
            texts: Strings: what was written so far; `""` asks for first words.
            count: Words wanted; fewer come if the vocabulary has fewer.

        Returns:
            List of `NextWords`, one a text.

        Raises:
            ValueError: If `count` is less than 1.
        """
        tf = require("tensorflow", "text")
        count = self._possible(count)
        if count not in self._likeliest:
            self._likeliest[count] = tf.function(
                lambda texts: self.likeliest_tensor(texts, count),
                input_signature=[tf.TensorSpec([None], tf.string)],
                autograph=False,
            )
        found = self._likeliest[count](utf8(texts))
        found = {name: value.numpy() for name, value in found.items()}
        return [
            NextWords(
                [word.decode() for word in words if word],
                probabilities[words != b""].tolist(),
                float(unknown),
                float(end),
            )
            for words, probabilities, unknown, end in zip(
                found["words"],
                found["probabilities"],
                found["unknown_probability"],
                found["end_probability"],
                strict=True,
            )
        ]

    def continue_texts(
        self,
        texts: Iterable[str],
        *,
        words: int = 20,
        temperature: float = 1.0,
        top_p: float = 1.0,
        seed: int = 0,
    ) -> list[str]:
        """Goes on with texts, word by word.

        Args:
            texts: Strings: how each begins.
            words: Words to write at most, 1 to 100,000.
            temperature: Of the sampling, above 0; near 0 it takes the likeliest.
            top_p: Of the sampling, in (0, 1].
            seed: Seed in [0, 2³¹): the same gives the same texts.

        Returns:
            List of strings: what comes behind each text.

        Raises:
            ValueError: If an argument is out of its range.
        """
        encoded = utf8(texts)
        if not 1 <= words <= _LONGEST:
            raise ValueError(f"`words` must be in [1, {_LONGEST}]; received {words!r}.")
        if not 0 <= seed < 2**31:
            raise ValueError(f"`seed` must be in [0, 2**31); received {seed!r}.")
        Sample(temperature=temperature, top_p=top_p)
        count = len(encoded)
        written, _ = self._continued(
            encoded,
            np.full(count, words, "int32"),
            np.full(count, temperature, "float32"),
            np.full(count, top_p, "float32"),
            np.random.default_rng(seed).integers(2**31, size=count).astype("int32"),
        )
        return [text.decode() for text in written.numpy()]

    def nats(
        self,
        documents: Iterable[str],
        *,
        batch_size: int = 16,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[np.ndarray]:
        """-ln p of each token of documents and of their end marks.

        Args:
            documents: Strings.
            batch_size: Documents read at once.
            progress: Called as `progress(done, total)`, or None.

        Returns:
            List of float32 arrays, one a document, each as long as `encode` of it
            less 1.
        """
        return self.token_nats(
            [self.encode(document) for document in documents],
            batch_size=batch_size,
            progress=progress,
        )

    def token_nats(
        self,
        encoded: Sequence[TokenIds],
        *,
        batch_size: int = 16,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[np.ndarray]:
        """-ln p of each token but the first, of documents as ids.

        Args:
            encoded: Lists of ids, as `encode` gives them.
            batch_size: Documents read at once.
            progress: Called as `progress(done, total)`, or None.

        Returns:
            List of float32 arrays, each one shorter than its document.
        """
        results = [np.empty(0, "float32")] * len(encoded)
        done = 0
        for batch in batches_by_length([len(ids) for ids in encoded], batch_size):
            values = self._judged(pad([encoded[i] for i in batch])).numpy()
            for i, row in zip(batch, values, strict=True):
                results[i] = row[: len(encoded[i]) - 1]
            done += len(batch)
            if progress is not None:
                progress(done, len(encoded))
        return results

    def likeliest_tensor(self, texts: Strings, count: int) -> dict[str, Tensor]:
        """The likeliest next words, inside the graph.

        Args:
            texts: String tensor of shape (B,).
            count: Words wanted, an integer.

        Returns:
            Dict of "words" and "probabilities", (B, count), the likeliest first, and
            "unknown_probability" and "end_probability", (B,). Of subwords fewer
            words may be found: "" with the probability 0 stands for the others.
        """
        tf = require("tensorflow", "text")
        count = self._possible(count)
        if self._steps.in_pieces:
            return self._likeliest_in_pieces(texts, count)
        _, last, state = self._before_last(texts)
        logits, _ = self.model.step(last, state)
        probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
        found = tf.math.top_k(probabilities[:, UNKNOWN + 1 :], count)
        return {
            "words": self.vocabulary.pieces_tensor(found.indices + UNKNOWN + 1),
            "probabilities": found.values,
            "unknown_probability": probabilities[:, UNKNOWN],
            "end_probability": probabilities[:, END],
        }

    def _likeliest_in_pieces(self, texts: Strings, count: int) -> dict[str, Tensor]:
        """The same of subwords: words spelled by a beam search.

        A word may be spelled in several ways, with a space before it or without: it
        has the probability of all that are found.
        """
        tf = require("tensorflow", "text")
        _, last, state = self._before_last(texts)
        begin = self._steps.begin(state, tf.ones_like(last))
        first, _ = self._steps.step(last, begin)
        found = generate(
            self._steps.step,
            begin,
            last,
            max_length=PIECES,
            strategy=Beam(2 * count),
            end_token=END,
        )
        flat = tf.reshape(found.ids, [-1, tf.shape(found.ids)[2]])
        spelled = self.vocabulary.decode_tensor(flat, tf.reshape(found.lengths, [-1]))
        words = tf.reshape(spelled, tf.shape(found.lengths))
        same = words[:, :, None] == words[:, None, :]
        chances = tf.exp(found.scores)[:, None, :]
        chances = tf.reduce_sum(tf.where(same, chances, 0.0), axis=2)
        place = tf.range(tf.shape(words)[1])
        again = tf.reduce_any(same & (place < place[:, None]), axis=2)
        # The empty word is the end of the text.
        chances = tf.where(again | (words == ""), 0.0, chances)
        best = tf.math.top_k(chances, count)
        words = tf.gather(words, best.indices, batch_dims=1)
        return {
            "words": tf.where(best.values > 0, words, ""),
            "probabilities": best.values,
            "unknown_probability": tf.zeros_like(best.values[:, 0]),
            "end_probability": tf.nn.softmax(first)[:, END],
        }

    def continue_tensor(
        self,
        texts: Strings,
        words: Tensor,
        temperature: Numbers,
        top_p: Numbers,
        seed: Array,
    ) -> tuple[Tensor, Tensor]:
        """Goes on with texts, inside the graph.

        Args:
            texts: String tensor of shape (B,).
            words: int32 tensor of shape (B,): words to write at most.
            temperature: float32 tensor of shape (B,), above 0.
            top_p: float32 tensor of shape (B,), in (0, 1].
            seed: int32 tensor of shape (B,).

        Returns:
            What comes behind the texts, a string tensor of shape (B,); and whether
            the end of the text came, or all words were written, shape (B,).
        """
        tf = require("tensorflow", "text")
        _, last, state = self._before_last(texts)
        longest = self._steps.longest(words)
        written = generate(
            self._steps.step,
            self._steps.begin(state, words),
            last,
            max_length=longest,
            strategy=Sample(temperature=tf.minimum(temperature, HOTTEST), top_p=top_p),
            end_token=END,
            seed=seed,
        )
        text = self.vocabulary.decode_tensor(written.ids, written.lengths)
        whole = written.finished | (words <= 0)
        if not self._steps.in_pieces:  # pieces end with the last word
            whole = whole | (written.lengths >= longest)
        return restore_lines_tensor(tf.ensure_shape(text, [None])), whole

    def complete_tensor(
        self, texts: Strings, words: Tensor, stop: Strings, settings: Mapping[str, Any]
    ) -> dict[str, Tensor]:
        """Goes on with texts, with more settings, inside the graph.

        Args:
            texts: String tensor of shape (B,).
            words: int32 tensor of shape (B,): words to write at most.
            stop: String tensor of shape (B, N): each ends its text, which then ends
                before it; `""` for none.
            settings: Dict of "temperature", "top_k" (0 for all), "top_p", "min_p",
                "repetition_penalty" and "seed", each of shape (B,).

        Returns:
            Dict of "text"; "finish_reason", the name of a `FinishReason`; "tokens"
            and "log_probabilities", of shape (B, L), and their "token_count".
        """
        ids, last, state = self._before_last(texts)
        before = self._steps.begin(state, words), last, ids
        return complete_words(
            *(self._steps, self.vocabulary, before, words, self._steps.longest(words)),
            *(stop, settings),
        )

    def judge_tensor(self, texts: Strings) -> tuple[Tensor, Tensor]:
        """Tells how likely texts are, inside the graph.

        Args:
            texts: String tensor of shape (B,).

        Returns:
            -ln p of each with its end mark, in nats, and its number of words, the
            ends of lines and the end mark counted; both of shape (B,).
        """
        tf = require("tensorflow", "text")
        marked = mark_lines_tensor(tf.strings.regex_replace(texts, r"^\s+|\s+$", ""))
        ids, lengths = self.vocabulary.encode_tensor(marked)
        words = split_words_tensor(marked).row_lengths()
        ids = tf.pad(ids, [[0, 0], [1, 1]])
        position = tf.range(tf.shape(ids)[1])
        ids = tf.where(position == 0, START, ids)
        ids = tf.where(position == lengths[:, None] + 1, END, ids)
        counts = tf.sequence_mask(lengths + 1, tf.shape(ids)[1] - 1, tf.float32)
        return tf.reduce_sum(self._token_nats(ids) * counts, axis=1), tf.cast(
            words + 1, tf.int32
        )

    def _token_nats(self, ids: Tensor) -> Tensor:
        """-ln p of every token but the first: (B, T + 1) to (B, T)."""
        tf = require("tensorflow", "text")

        def read(ids: Tensor, state: Nest) -> tuple[Tensor, Nest]:
            h, state = self.model.read(ids, state)
            return self.model.logits(h), state

        return nats_behind(read, ids, self.model.initial_state(tf.shape(ids)[0]))

    def _before_last(self, texts: Strings) -> tuple[Tensor, Tensor, Nest]:
        """The ids that are read, the last of each, and the state before that."""
        tf = require("tensorflow", "text")
        marked = mark_lines_tensor(tf.strings.regex_replace(texts, r"^\s+", ""))
        ids, lengths = self.vocabulary.encode_tensor(marked)
        ids = tf.pad(ids, [[0, 0], [1, 0]], constant_values=START)

        def read(ids: Tensor, mask: Tensor, state: Nest) -> Nest:
            return self.model.read(ids, state, mask=mask)[1]

        state = self.model.initial_state(tf.shape(ids)[0])
        state = state_behind(read, ids, lengths, state)
        return ids, tf.gather(ids, lengths, batch_dims=1), state

    def _possible(self, count: int) -> int:
        if count < 1:
            raise ValueError(f"`count` must be at least 1; received {count!r}.")
        return min(count, len(self.vocabulary) - UNKNOWN - 1)
