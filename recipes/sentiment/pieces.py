"""The training texts as the LSTMs read them: pieces, batches, and who skips what."""

import dataclasses
import functools
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Progress
from keras_seq.text import SubwordVocabulary, WordVocabulary, read_vectors
from keras_seq.training import (
    assign_folds,
    batches_by_tokens,
    epoch_dataset,
    pad,
    passes_per_epoch,
)
from recipes.sentiment.data import Data
from recipes.sentiment.reading import shortened, spaced_texts, split_anew
from recipes.sentiment.settings import TESTED, Config

READ = 8_000_000  # tokens, by all members in all epochs together
EPOCHS = (2, 5)
MEMBERS = 5
VOCABULARY = 8000  # subwords at most
RAREST = 2  # how often a word of the vocabulary comes at least
SPLIT_ANEW = 1_000_000  # pieces of the training texts at most
TOKENS = 3000  # in a training step at least, where the texts are not few
FEWEST_TOKENS = 500
STEPS_IN_A_PASS = 60  # at most, where they are few
FEWEST_STEPS = 40  # of training in an epoch
ROWS = 24  # texts in a training step at least, on the average
FEATURES = 192  # of an embedding

AnyVocabulary = SubwordVocabulary | WordVocabulary


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is trained: a function of the texts' number and length."""

    epochs: int
    steps: int  # in an epoch at least
    members: int
    tokens: int
    split_anew: bool

    @classmethod
    def of(cls, config: Config, lengths: Any) -> "Plan":
        """The plan for training texts of these lengths."""
        total = int(np.sum(lengths))
        epochs = config.epochs or int(np.clip(READ // total, *EPOCHS))
        members = config.members
        if members is None:
            members = int(np.clip(READ // (total * epochs), 1, MEMBERS))
        few = int(np.clip(total // STEPS_IN_A_PASS, FEWEST_TOKENS, TOKENS))
        tokens = max(few, round(ROWS * total / len(lengths)), int(np.max(lengths)))
        # Many texts show a word in many places as it is; that takes less time.
        steps = 1 if config.quick else FEWEST_STEPS
        return cls(epochs, steps, members, tokens, total <= SPLIT_ANEW)

    @property
    def folds(self) -> int:
        """In how many parts the texts are cut, of which each member skips one."""
        return self.members if self.members > 2 else TESTED


@dataclasses.dataclass(frozen=True)
class Pieces:
    """The training texts in pieces.

    Attributes:
        texts: Strings, spaced.
        encoded: Their pieces, lists of integers.
        labels: Array of integers.
        names: The labels' names.
        vocabulary: The vocabulary, which may split words anew in every epoch.
        vectors: Array (ids, D) that the embeddings start from, or None.
        plan: The `Plan`.
        folds: The fold of each text; member k skips fold k.
        tenths: Likewise in tenths; the plain model skips the first, however many
            members there are.
        seed: The run's.
        weights: What a text of each label weighs in training; None: all the same.
    """

    texts: list[str]
    encoded: list[list[int]]
    labels: np.ndarray
    names: list[str]
    vocabulary: AnyVocabulary
    vectors: np.ndarray | None
    plan: Plan
    folds: np.ndarray
    tenths: np.ndarray
    seed: int
    weights: np.ndarray | None = None

    @classmethod
    def of(cls, config: Config, data: Data, verbose: str | int = "auto") -> "Pieces":
        """The pieces of a run's training texts, by a vocabulary of these texts."""
        config = config.complete()
        train = data.train
        texts = spaced_texts(
            train.texts, Progress("finding words") if verbose else None
        )
        vocabulary = _vocabulary(config, texts)
        encoded = [vocabulary.encode(text) for text in texts]
        plan = Plan.of(config, [max(1, len(shortened(ids))) for ids in encoded])
        vectors = _vectors(config, vocabulary, verbose)
        folds, tenths = (
            assign_folds(train.labels, train.groups, count, config.seed)
            for count in (plan.folds, TESTED)
        )
        return cls(
            *(texts, encoded, train.labels, data.labels, vocabulary, vectors, plan),
            *(folds, tenths, config.seed),
            weights=class_weights(train.labels, len(data.labels), config.class_weights),
        )

    def weights_of(self, rows: Any) -> np.ndarray | None:
        """What the texts with these indices weigh, or None."""
        return None if self.weights is None else self.weights[self.labels[rows]]

    @property
    def features(self) -> int:
        """Size of an embedding."""
        return FEATURES if self.vectors is None else self.vectors.shape[1]

    @property
    def cut_off(self) -> int:
        """How many texts are too long to be read whole."""
        return sum(len(shortened(ids)) < len(ids) for ids in self.encoded)

    def of_member(self, number: int) -> "Share":
        """What member `number`, from 0 on, learns from."""
        return Share(self, self.folds == number, self.seed + number)

    def of_plain(self) -> "Share":
        """What the plain model learns from."""
        return Share(self, self.tenths == 0, self.seed)


class Share:
    """What one LSTM learns from: all texts but those that choose its best epoch.

    Args:
        pieces: `Pieces`.
        out: Array of booleans: the texts that are held out.
        seed: Seed of the weights, of the order and of the subwords.
    """

    def __init__(self, pieces: Pieces, out: np.ndarray, seed: int) -> None:
        self.pieces = pieces
        self.chosen, self.held_out = np.flatnonzero(~out), np.flatnonzero(out)
        self.seed = seed

    @functools.cached_property
    def _steps(self) -> int:
        """Batches of a pass over the texts."""
        lengths = [len(shortened(self.pieces.encoded[i])) or 1 for i in self.chosen]
        return len(batches_by_tokens(lengths, self.pieces.plan.tokens, seed=self.seed))

    @property
    def _passes(self) -> int:
        return passes_per_epoch(self._steps, self.pieces.plan.steps)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch, which is several passes over texts that are few."""
        return self._steps * self._passes

    @property
    def epochs(self) -> int:
        """Epochs of the training."""
        return self.pieces.plan.epochs

    def training(self, first_epoch: int) -> Any:
        """Batches of all epochs from one on, as a data set without end."""
        count = self._steps

        def batches(number: int) -> Iterator[tuple[np.ndarray, ...]]:
            chance = random.Random(f"{self.seed} {number}")
            split = [self._split(int(i), chance) for i in self.chosen]
            groups = batches_by_tokens(
                list(map(len, split)), count=count, seed=self.seed, epoch=number
            )
            for batch in groups:
                yield self._batch(pad([split[i] for i in batch]), self.chosen[batch])

        first = first_epoch * self._passes
        return epoch_dataset(batches, self._signature(), size=count, first_epoch=first)

    def validation(self) -> Any:
        """Batches of the texts held out, once."""
        batches = [
            self._batch(pieces, self.held_out[batch]) for batch, pieces in self._once()
        ]
        return epoch_dataset(lambda _: batches, self._signature(), size=len(batches))

    def _batch(self, pieces: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Pieces and labels of texts, and what they weigh if not all the same."""
        weights = self.pieces.weights_of(rows)
        batch = pieces, self.pieces.labels[rows]
        return batch if weights is None else (*batch, weights)

    def _signature(self) -> tuple[Any, ...]:
        tf = require("tensorflow", "recipes")
        pieces = tf.TensorSpec([None, None], tf.int32)
        labels = tf.TensorSpec([None], tf.int32)
        weights = tf.TensorSpec([None], tf.float32)
        whole = pieces, labels, weights
        return whole[:2] if self.pieces.weights is None else whole

    def logits(self, model: keras.Model) -> np.ndarray:
        """The model's logits of the texts held out; shape (texts, labels)."""
        tf = require("tensorflow", "recipes")
        read = tf.function(
            lambda pieces: model(pieces, training=False),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        found = np.zeros((len(self.held_out), model.output_shape[-1]), "float32")
        for batch, pieces in self._once():
            found[batch] = read(pieces).numpy()
        return found

    def _split(self, i: int, chance: random.Random) -> list[int]:
        pieces = self.pieces
        ids = pieces.encoded[i]
        if pieces.plan.split_anew:
            ids = split_anew(pieces.vocabulary, pieces.texts[i], chance)
        return shortened(ids) or [0]

    def _once(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The texts held out, in order of length: list of (places, pieces)."""
        ids = [shortened(self.pieces.encoded[i]) or [0] for i in self.held_out]
        groups = batches_by_tokens(list(map(len, ids)), 4 * self.pieces.plan.tokens)
        return [(batch, pad([ids[i] for i in batch])) for batch in groups]


def class_weights(labels: np.ndarray, count: int, kind: str) -> np.ndarray | None:
    """What a text of each label weighs: as much together, the mean over the texts 1.

    Args:
        labels: Array of integers.
        count: Number of labels, each of which comes.
        kind: "balanced"; or "none", for which there are none.

    Returns:
        float32 array of shape (count,), or None.
    """
    if kind == "none":
        return None
    return (len(labels) / (count * np.bincount(labels, minlength=count))).astype(
        "float32"
    )


def _vocabulary(config: Config, texts: list[str]) -> AnyVocabulary:
    if config.level == "word":
        return WordVocabulary.fit(texts, min_count=RAREST)
    size = min(VOCABULARY, 600) if config.quick else VOCABULARY
    return SubwordVocabulary.fit(texts, size=size)


def _vectors(
    config: Config, vocabulary: AnyVocabulary, verbose: str | int
) -> np.ndarray | None:
    """What the embeddings start from, or None; chance where a word has no vector."""
    if config.vectors is None or not isinstance(vocabulary, WordVocabulary):
        return None
    try:
        vectors, found = read_vectors(
            config.vectors,
            vocabulary,
            progress=Progress("reading vectors") if verbose else None,
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"--vectors: {error}") from error
    if not found.any():
        raise ValueError(f"--vectors {config.vectors!r} has no word of the texts.")
    print(f"{found.sum()} of {len(vocabulary.words)} words have a vector")
    spread = vectors[found].std()
    noise = np.random.default_rng(config.seed).normal(0, spread, vectors.shape)
    return np.where(found[:, None], vectors, noise).astype("float32")
