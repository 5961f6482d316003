"""Texts in, labels and what each word adds out: the sentiment recipe's model whole."""

import dataclasses
import functools
from collections.abc import Callable, Iterable

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Progress, RunDirectory
from keras_seq.typing import Tensor
from recipes.sentiment.reading import Reader

PLAIN = "plain.keras"
POINTS = 12  # of the quadrature
AT_ONCE = 64  # texts
EXPLAINED_AT_ONCE = 8
CHARACTERS = 500_000  # at once; n-grams of a longer text take much memory


@dataclasses.dataclass(frozen=True)
class Explained:
    """A text, how it is classified, and what each of its words adds.

    Attributes:
        words: Strings.
        probabilities: Shape (labels,).
        label: Index of the label that the contributions speak of: of two labels the
            second, of more the likeliest.
        score: Of two labels ln p / (1 - p) of the second; of more ln p of the
            likeliest less the mean of all labels' ln p.
        base: The score of a text of as many pieces that say nothing.
        contributions: Shape (words,): they sum to `score` - `base`.
        attention: Shape (words,): the weight of each word's pieces in the summary,
            the mean over the LSTMs; of the plain model all is the last piece's.
        unread: Pieces that the LSTMs didn't read, as the text is too long.
    """

    words: list[str]
    probabilities: np.ndarray
    label: int
    score: float
    base: float
    contributions: np.ndarray
    attention: np.ndarray
    unread: int

    @property
    def gap(self) -> float:
        """By how much base and contributions miss the score: the quadrature's error."""
        return abs(float(self.base + self.contributions.sum() - self.score))


class TextClassifier:
    """Classifies texts, and explains it.

    What a word adds is, for the n-grams, exact: the logit is a sum over them, and an
    n-gram's part is shared evenly by its words. For the LSTMs it is integrated
    gradients of their score s, from vectors of zeros to the embeddings x of a text's
    pieces,

        contribution_t = x_t · ∫₀¹ ∂s(α x) / ∂x_t dα

    by Gauss and Legendre's quadrature; a word has the sum of its pieces.

    Args:
        model: Model of `combine`.
        reader: Its `Reader`.
        labels: Strings.

    References:
        [Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365)
    """

    def __init__(
        self, model: keras.Model, reader: Reader, labels: Iterable[str]
    ) -> None:
        self.model = model
        self.reader = reader
        self.labels = list(labels)
        tf = require("tensorflow", "recipes")
        traced = functools.partial(
            tf.function,
            input_signature=[tf.TensorSpec([None], tf.string)],
            autograph=False,
        )
        self._classify = traced(self.classify)
        self._explain = traced(self.explain)

    @property
    def members(self) -> list[keras.Model]:
        """The LSTMs' models."""
        return [x for x in self.model.layers if x.name.startswith("member_")]

    def classify(self, texts: Tensor) -> dict[str, Tensor]:
        """Logits, probabilities and the parts' logits of a tensor of texts (B,)."""
        return self.model(self.reader.inputs(self.reader(texts)), training=False)

    def predict(
        self, texts: Iterable[str], progress: Progress | None = None
    ) -> tuple[np.ndarray, ...]:
        """Probabilities and logits of a list of texts: two arrays (texts, labels);
        and the logits of each part, shape (texts, parts, labels).
        """
        tf = require("tensorflow", "recipes")
        texts = list(texts)
        found: dict[str, list] = {"probabilities": [], "logits": [], "parts": []}
        order: list[int] = []
        for some in _batches(texts, AT_ONCE):
            batch = tf.constant([texts[i] for i in some])
            for name, values in self._classify(batch).items():
                found[name].append(values.numpy())
            order += some
            if progress is not None:
                progress(len(order), len(texts))
        back = np.argsort(order)
        return tuple(np.concatenate(found[n])[back] for n in found)

    def explained(
        self, texts: Iterable[str], progress: Progress | None = None
    ) -> list[Explained]:
        """An `Explained` for each of a list of texts."""
        tf = require("tensorflow", "recipes")
        texts = list(texts)
        found: list[Explained] = []
        order: list[int] = []
        for some in _batches(texts, EXPLAINED_AT_ONCE):
            batch = tf.constant([texts[i] for i in some])
            values = {n: v.numpy() for n, v in self._explain(batch).items()}
            for row, count in enumerate(values["word_count"]):
                words = values["words"][row, :count]
                found.append(
                    Explained(
                        words=[word.decode() for word in words],
                        probabilities=values["probabilities"][row],
                        label=int(values["label"][row]),
                        score=float(values["score"][row]),
                        base=float(values["base"][row]),
                        contributions=values["contributions"][row, :count],
                        attention=values["attention"][row, :count],
                        unread=int(values["unread"][row]),
                    )
                )
            order += some
            if progress is not None:
                progress(len(order), len(texts))
        return [found[i] for i in np.argsort(order)]

    def explain(self, texts: Tensor) -> dict[str, Tensor]:
        """Words and what they add, of a tensor of texts (B,): a part of a graph.

        Returns:
            Dict of "words" (B, W), "word_count" (B,), "contributions" and "attention"
            (B, W), "score", "base", "label" and "unread" (B,), "probabilities" (B,
            labels).
        """
        tf = require("tensorflow", "recipes")
        reading = self.reader(texts)
        found = self.model(self.reader.inputs(reading), training=False)
        logits = found["logits"]
        labels = logits.shape[-1]
        likeliest = tf.argmax(logits, axis=-1, output_type=tf.int32)
        label = tf.ones_like(likeliest) if labels == 2 else likeliest
        # The score is linear in the logits, and 0 if all of them are alike.
        direction = tf.one_hot(label, labels) - 1 / labels
        direction *= 2.0 if labels == 2 else 1.0
        combination = self.model.get_layer("combination")
        weights, bias = (
            keras.ops.convert_to_tensor(x)
            for x in (combination.kernel, combination.bias)
        )
        of_piece, at_zero, attention = self._of_pieces(reading.pieces, direction)
        count = tf.reduce_max(tf.cast(reading.words.row_lengths(), "int32"))
        rows = reading.words.nrows(tf.int32)
        row = tf.broadcast_to(tf.range(rows)[:, None], tf.shape(reading.pieces))
        place = row * tf.maximum(count, 1) + reading.owner
        real = tf.cast(reading.pieces != 0, "float32")
        size = rows * tf.maximum(count, 1)

        def summed(values: Tensor, places: Tensor) -> Tensor:
            total = tf.math.unsorted_segment_sum(values, places, size)
            return tf.reshape(total, [rows, tf.maximum(count, 1)])

        contributions = weights[0] * summed(of_piece * real, place)
        for k, (level, ngrams) in enumerate(reading.ngrams.items(), start=1):
            table = self.model.get_layer(f"{level}_table").embeddings
            of_row = tf.gather(direction, ngrams.row)
            each = tf.reduce_sum(tf.gather(table, ngrams.id) * of_row, axis=-1)
            each *= weights[k] * ngrams.share
            span = ngrams.last - ngrams.first + 1
            word = tf.ragged.range(ngrams.first, ngrams.last + 1)
            owner = tf.repeat(ngrams.row * tf.maximum(count, 1), span) + word.values
            each = tf.repeat(each / tf.cast(span, "float32"), span)
            contributions += summed(each, owner)
        return {
            "words": reading.words.to_tensor(""),
            "word_count": tf.cast(reading.words.row_lengths(), "int32"),
            "contributions": contributions[:, :count],
            "attention": summed(attention * real, place)[:, :count],
            "score": tf.reduce_sum(direction * logits, axis=-1),
            "base": weights[0] * at_zero + tf.linalg.matvec(direction, bias),
            "label": label,
            "unread": tf.maximum(reading.length - self.reader.longest, 0),
            "probabilities": found["probabilities"],
        }

    def _of_pieces(self, pieces: Tensor, direction: Tensor) -> tuple[Tensor, ...]:
        """What each piece adds to the LSTMs' score (B, T), what the score is without
        any, (B,), and the attention, (B, T).
        """
        mask = keras.ops.not_equal(pieces, 0)
        results = [
            integrated_gradients(
                member.get_layer("body"),
                member.get_layer("embedding")(pieces),
                mask,
                direction,
            )
            for member in self.members
        ]
        return tuple(sum(parts) / len(parts) for parts in zip(*results, strict=True))


def _batches(texts: list[str], count: int) -> list[list[int]]:
    """Indices of texts in order of length: so many at once, fewer of long ones."""
    batches: list[list[int]] = []
    for i in sorted(range(len(texts)), key=lambda i: len(texts[i])):
        last = batches[-1] if batches else []
        if 0 < len(last) < count and (len(last) + 1) * len(texts[i]) <= CHARACTERS:
            last.append(i)
        else:
            batches.append([i])
    return batches


def integrated_gradients(
    body: Callable[..., tuple[Tensor, Tensor]],
    vectors: Tensor,
    mask: Tensor,
    direction: Tensor,
    points: int = POINTS,
) -> tuple[Tensor, Tensor, Tensor]:
    """What each step adds to a score, against vectors of zeros.

    Args:
        body: Model from (vectors, mask) to (logits, attention).
        vectors: x, shape (B, T, D).
        mask: Shape (B, T).
        direction: d of the score d · logits, shape (B, labels).
        points: Points of the quadrature.

    Returns:
        Shape (B, T); the scores of zeros, shape (B,); the attention, shape (B, T).
    """
    tf = require("tensorflow", "recipes")
    nodes, weights = np.polynomial.legendre.leggauss(points)
    # All points at once, and beside them the ends of the path, which have no weight.
    alphas = np.array([0, *(nodes + 1) / 2, 1], "float32")
    weights = np.array([0, *weights / 2, 0], "float32")
    rows = tf.shape(vectors)[0]
    repeated = [len(alphas), 1, 1]
    scaled = tf.reshape(
        alphas[:, None, None, None] * vectors[None],
        tf.concat([[-1], tf.shape(vectors)[1:]], 0),
    )
    with tf.GradientTape() as tape:
        tape.watch(scaled)
        logits, attention = body([scaled, tf.tile(mask, repeated[:2])], training=False)
        scores = tf.reduce_sum(tf.tile(direction, repeated[:2]) * logits, axis=-1)
    slopes = tf.reshape(
        tape.gradient(scores, scaled), tf.concat([[len(alphas)], tf.shape(vectors)], 0)
    )
    mean = tf.einsum("pbtd,p->btd", slopes, weights)
    return tf.reduce_sum(mean * vectors, axis=-1), scores[:rows], attention[-rows:]


def plain_beside(
    classifier: TextClassifier, run: RunDirectory
) -> TextClassifier | None:
    """The plain model that a run keeps beside its own, if it does."""
    if not (run / PLAIN).is_file():
        return None
    reader = Reader(classifier.reader.vocabulary, {})
    return TextClassifier(run.load_model(PLAIN), reader, classifier.labels)
