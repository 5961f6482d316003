"""Sentences in, sentences out: a trained encoder-decoder with its vocabularies."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from keras_seq.decoding import Beam, ForbiddenTokens, generate
from keras_seq.extras import require
from keras_seq.text._strings import strings, utf8
from keras_seq.text.start_and_end import (
    END_MARK,
    after_start,
    most_tokens,
    pieces_with_end,
    target_nats,
    with_end,
)
from keras_seq.text.translation import Translation
from keras_seq.text.vocabulary import (
    END,
    PADDING,
    START,
    UNKNOWN,
    Strings,
    Vocabulary,
)
from keras_seq.training.batches import batches_by_length
from keras_seq.typing import Integers, Numbers, Tensor

if TYPE_CHECKING:
    from keras_seq.layers import EncoderDecoder


class Translator:
    """Translates text with an `EncoderDecoder`.

    Text is normalised first (`normalise` with "NFC"). A translation has no marks in
    it, and nothing that the target's vocabulary doesn't know.

    Args:
        model: The model.
        source: Vocabulary of the source.
        target: Vocabulary of the target.
        longest: Tokens that a translation may have. A shorter limit is the
            sentence's own: three times its tokens and 20.
        longest_source: Tokens that a sentence may have, or None for any number; a
            transformer's memory grows with their square. A longer one is refused, in
            the graph by TensorFlow's InvalidArgumentError.
        casefold: Whether the case of the source is folded, where it means nothing:
            in training then too, by `normalise(text, casefold=True)`.

    Raises:
        ValueError: If `longest` or `longest_source` is less than 1.

    Example:

    >>> from keras_seq.layers import BahdanauDecoder, EncoderDecoder, ExplicitGRU
    >>> from keras_seq.text import CharacterVocabulary
    >>> vocabulary = CharacterVocabulary("abc")
    >>> model = EncoderDecoder(
    ...     ExplicitGRU(8, return_sequences=True),
    ...     BahdanauDecoder(8, 6),
    ...     len(vocabulary),
    ...     source_vocabulary=len(vocabulary),
    ...     dim=4,
    ... )
    >>> translator = Translator(model, vocabulary, vocabulary)
    >>> [best] = translator.translate(["abc"], width=3)
    >>> best[0].alignment.shape[1]  # a, b, c and the end mark
    4
    """

    def __init__(
        self,
        model: "EncoderDecoder",
        source: Vocabulary,
        target: Vocabulary,
        *,
        longest: int = 512,
        longest_source: int | None = None,
        casefold: bool = False,
    ) -> None:
        for name, value in (("longest", longest), ("longest_source", longest_source)):
            if value is not None and value < 1:
                raise ValueError(f"`{name}` must be at least 1; received {value!r}.")
        if not model.built:
            model.build({"source": (None, None), "target": (None, None)})
        self.model = model
        self.source = source
        self.target = target
        self.longest = longest
        self.longest_source = longest_source
        self.casefold = casefold
        tf = require("tensorflow", "text")
        strings = tf.TensorSpec([None], tf.string)
        number = tf.TensorSpec([], tf.float32)
        traced = functools.partial(tf.function, autograph=False)
        self._search = functools.cache(
            lambda width: traced(
                functools.partial(self.search, width=width, max_width=width),
                input_signature=[strings, number, number],
            )
        )
        self._judge = traced(self.judge, input_signature=[strings, strings])
        self._align = traced(self.align, input_signature=[strings, strings])

    def translate(
        self,
        texts: Iterable[str],
        *,
        width: int = 5,
        n_best: int = 1,
        length_penalty: float = 1.0,
        coverage_penalty: float = 0.0,
        batch_size: int = 64,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[list[Translation]]:
        """Translates sentences, those of like length together.

        Args:
            texts: Strings.
            width: Hypotheses that the beam search keeps; 1 is greedy.
            n_best: Translations of each sentence, at most `width`.
            length_penalty: α of `Beam`.
            coverage_penalty: β of `Beam`.
            batch_size: Sentences in a batch.
            progress: Called as `progress(done, total)`, or None.

        Returns:
            For each sentence a list of `n_best` `Translation`s, best first. Where
            there are fewer, the others are empty and have a score of -inf. An
            empty sentence has one, the empty one, with a score of 0: ln 1.

        Raises:
            ValueError: If an argument is out of its range, or a sentence too long.
        """
        sentences = strings("texts", texts)
        self._check_lengths("texts", sentences)
        Beam(width, length_penalty=length_penalty, coverage_penalty=coverage_penalty)
        if not 1 <= n_best <= width:
            raise ValueError(
                f"`n_best` must be in [1, `width`] = [1, {width}]; received {n_best!r}."
            )
        encoded = utf8(sentences)
        results: list[list[Translation]] = [[] for _ in sentences]
        done = 0
        for batch in batches_by_length(list(map(len, encoded)), batch_size):
            found = self._search(width)(
                [encoded[i] for i in batch],
                float(length_penalty),
                float(coverage_penalty),
            )
            found = {name: value.numpy() for name, value in found.items()}
            for row, i in enumerate(batch):
                source = self._source_pieces(sentences[i])
                results[i] = [
                    self._translation(source, {k: v[row] for k, v in found.items()}, n)
                    for n in range(n_best)
                ]
            done += len(batch)
            if progress is not None:
                progress(done, len(sentences))
        return results

    def _translation(
        self, source: list[str], found: Mapping[str, np.ndarray], n: int
    ) -> Translation:
        length = int(found["lengths"][n])
        finished = bool(found["finished"][n])
        pieces = self.target.pieces(found["ids"][n][:length].tolist())
        target = [*pieces, END_MARK] if finished else pieces
        return Translation(
            text=found["texts"][n].decode(),
            score=float(found["scores"][n]),
            finished=finished,
            source=source,
            target=target,
            alignment=found["alignment"][n][: len(target), : len(source)],
        )

    def score(
        self, sources: Iterable[str], targets: Iterable[str], *, batch_size: int = 64
    ) -> tuple[np.ndarray, np.ndarray]:
        """How likely the model thinks translations to be.

        Args:
            sources: Strings.
            targets: Strings, as many.
            batch_size: Pairs in a batch.

        Returns:
            -ln p of each translation and its end mark, and the number of its
            tokens, the end mark included: two arrays.

        Raises:
            ValueError: If there are not as many targets as sources, or a source is
                too long.
        """
        sides = strings("sources", sources), strings("targets", targets)
        count, others = map(len, sides)
        self._check_lengths("sources", sides[0])
        if count != others:
            raise ValueError(
                f"`targets` must be as many as `sources`, {count}; received {others}."
            )
        nats = np.zeros(count)
        tokens = np.zeros(count, int)
        sizes = [len(s) + len(t) for s, t in zip(*sides, strict=True)]
        for batch in batches_by_length(sizes, batch_size):
            pair = (utf8(texts[i] for i in batch) for texts in sides)
            nats[batch], tokens[batch] = (value.numpy() for value in self._judge(*pair))
        return nats, tokens

    def attention(
        self, source: str, target: str
    ) -> tuple[list[str], list[str], np.ndarray]:
        """How the model aligns a sentence with a given translation.

        Args:
            source: String.
            target: String.

        Returns:
            The source's pieces, the target's pieces, each with the end mark last,
            and the weights, shape (target, source).

        Raises:
            ValueError: If the source is too long.
        """
        self._check_lengths("source", [source])
        weights = self._align(utf8([source]), utf8([target])).numpy()[0]
        written = pieces_with_end(self.target, target)
        return self._source_pieces(source), written, weights

    def teacher_forced(
        self, sources: Iterable[str], targets: Iterable[str]
    ) -> tuple[dict[str, Tensor], np.ndarray, np.ndarray]:
        """What the model reads in training, and what it should give.

        Args:
            sources: Strings.
            targets: Strings, as many.

        Returns:
            The model's inputs; the ids that come next, an array (B, T); and where
            they count, a boolean array (B, T).
        """
        import tensorflow as tf

        source, _ = self.source_ids(tf.constant(list(sources)))
        target, lengths = with_end(self.target, tf.constant(list(targets)))
        counts = tf.sequence_mask(lengths, tf.shape(target)[1]).numpy()
        inputs = {"source": source, "target": after_start(target)}
        return inputs, target.numpy(), counts

    def search(
        self,
        texts: Strings,
        length_penalty: Numbers,
        coverage_penalty: Numbers,
        *,
        width: Integers,
        max_width: int,
    ) -> dict[str, Tensor]:
        """Translates inside the graph.

        Args:
            texts: String tensor of shape (B,).
            length_penalty: float32 tensor, scalar or of shape (B,).
            coverage_penalty: float32 tensor, scalar or of shape (B,).
            width: Integer, or int32 tensor of shape (B,).
            max_width: W, the largest width there may be, an integer.

        Returns:
            Dict of tensors: "texts", "scores", "finished" and "lengths" (B, W),
            "ids" (B, W, L), "alignment" (B, W, L, S).
        """
        penalties = length_penalty, coverage_penalty
        return self.search_ids(*self.source_ids(texts), *penalties, width, max_width)

    def search_ids(
        self,
        ids: Tensor,
        lengths: Tensor,
        length_penalty: Numbers,
        coverage_penalty: Numbers,
        width: Integers,
        max_width: int,
        longest: int | None = None,
    ) -> dict[str, Tensor]:
        """As `search`, of what `source_ids` gives, with so many tokens at most."""
        import tensorflow as tf

        limits = most_tokens(lengths, min(self.longest, longest or self.longest))
        state, constants = self.model.begin(ids, keras.ops.max(limits, initial=0))
        found = generate(
            self.model.step,
            state,
            tf.fill(tf.shape(lengths), START),
            constants=constants,
            max_length=limits,
            strategy=Beam(
                width,
                length_penalty=length_penalty,
                coverage_penalty=coverage_penalty,
                coverage_mask=constants["mask"],
                max_width=max_width,
            ),
            end_token=END,
            constraint=ForbiddenTokens([PADDING, START, UNKNOWN]),
        )
        shape = tf.shape(found.ids)
        flat = tf.reshape(found.ids, [shape[0] * shape[1], shape[2]])
        written = self.target.decode_tensor(flat, tf.reshape(found.lengths, [-1]))
        # Of nothing comes nothing: a model that was never shown that makes it up.
        empty = (lengths == 1)[:, None]
        first = tf.range(max_width) == 0
        nothing = tf.where(first, 0.0, float("-inf"))
        return {
            "texts": tf.where(empty, "", tf.reshape(written, shape[:2])),
            "scores": tf.where(empty, nothing, found.scores),
            "finished": tf.where(empty, first, found.finished),
            "lengths": tf.where(empty, 0, found.lengths),
            "ids": found.ids,
            "alignment": found.kept,
        }

    def judge(self, sources: Strings, targets: Strings) -> tuple[Tensor, Tensor]:
        """Gives -ln p and the number of tokens, inside the graph.

        Args:
            sources: String tensor of shape (B,).
            targets: String tensor of shape (B,).

        Returns:
            float32 and int32 tensors of shape (B,).
        """
        ids = self.source_ids(sources)[0]
        return target_nats(self.model, ids, self.target, targets)

    def align(self, sources: Strings, targets: Strings) -> Tensor:
        """The attention weights of given translations, inside the graph.

        Args:
            sources: String tensor of shape (B,).
            targets: String tensor of shape (B,).

        Returns:
            float32 tensor of shape (B, T, S), end marks included.
        """
        source, _ = self.source_ids(sources)
        target, _ = with_end(self.target, targets)
        _, weights = self.model(
            {"source": source, "target": after_start(target)},
            return_attention_scores=True,
        )
        return weights

    def source_ids(self, texts: Strings) -> tuple[Tensor, Tensor]:
        """What the model reads of sentences, inside the graph.

        Args:
            texts: String tensor of shape (B,).

        Returns:
            The ids with the end marks, int32 (B, S), padded on the right, and their
            numbers, int32 (B,). Where a sentence is too long, an error.
        """
        ids, lengths = with_end(self.source, texts, casefold=self.casefold)
        if self.longest_source is None:
            return ids, lengths
        import tensorflow as tf

        check = tf.debugging.assert_less_equal(
            tf.shape(ids)[1],
            self.longest_source + 1,
            f"the source must have at most {self.longest_source} tokens",
        )
        with tf.control_dependencies([check]):
            return tf.identity(ids), lengths

    def _check_lengths(self, name: str, texts: Sequence[str]) -> None:
        """Says which sentence is too long."""
        longest = self.longest_source or float("inf")
        for number, text in enumerate(texts):
            # A character may be composed and folded to three, each with at most 4
            # bytes, which have a token each; a mark written out, of 3, has 7.
            if 12 * len(text) + 1 > longest:
                tokens = len(self._source_pieces(text)) - 1
                if tokens > longest:
                    raise ValueError(
                        f"`{name}` must have sentences of at most {longest} tokens; "
                        f"received {tokens} in sentence {number + 1}, {text[:20]!r}..."
                    )

    def _source_pieces(self, text: str) -> list[str]:
        return pieces_with_end(self.source, text, casefold=self.casefold)
