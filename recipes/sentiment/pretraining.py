"""The LSTM of the sentiment recipe learns its texts' language before their labels.

Dai and Le (2015), Semi-supervised sequence learning. Both directions are trained at
once: the forward LSTM predicts the piece after each, the backward one the piece before.
"""

import functools
import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Progress
from keras_seq.training import batches_by_tokens, epoch_dataset, pad
from keras_seq.typing import Tensor
from recipes.sentiment.pieces import Pieces
from recipes.sentiment.reading import shortened, spaced_texts, split_anew

TOKENS = 3000  # in a training step
HELD_OUT = 20  # one text of so many


class Pretraining(keras.Model):
    """Predicts the next piece and the one before; the embeddings are the output's too.

    Args:
        member: Model of the recipe's `build_model`, whose embeddings and LSTM are
            trained.
        dropout: Share of the features that is dropped.
    """

    def __init__(self, member: keras.Model, dropout: float) -> None:
        super().__init__(name="pretraining")
        self.embedding = member.get_layer("embedding")
        self.reader = member.get_layer("body").get_layer("reader")
        size = self.embedding.output_dim
        self.drop = keras.layers.SpatialDropout1D(dropout)
        self.drop_state = keras.layers.Dropout(dropout)
        self.after = keras.layers.Dense(size, name="after")
        self.before = keras.layers.Dense(size, name="before")

    def build(self, input_shape: Any) -> None:
        """Makes the projections of both directions."""
        units = self.reader.forward_layer.units
        self.after.build((None, None, units))
        self.before.build((None, None, units))
        self.built = True

    def call(self, pieces: Tensor, training: bool = False) -> list[Tensor]:
        """Logits (B, T - 1, ids) of the pieces 2..T, and of 1..T - 1 backwards."""
        ops = keras.ops
        mask = ops.not_equal(pieces, 0)
        x = self.drop(self.embedding(pieces), training=training)
        forward = self.reader.forward_layer(x, mask=mask)
        backward = ops.flip(self.reader.backward_layer(x, mask=mask), axis=1)
        states = (self.after, forward[:, :-1]), (self.before, backward[:, 1:])
        table = ops.transpose(self.embedding.embeddings)
        return [
            ops.matmul(layer(self.drop_state(state, training=training)), table)
            for layer, state in states
        ]

    def compute_loss(
        self,
        x: Tensor = None,
        y: Tensor = None,
        y_pred: Tensor = None,
        sample_weight: Tensor = None,
        **_: Any,
    ) -> Tensor:
        """The mean of both directions' nats per piece."""
        ops = keras.ops
        targets = (x[:, 1:], x[:, :-1])
        # Padding stands at the end: a piece counts if the later of the two does.
        weight = ops.cast(ops.not_equal(x[:, 1:], 0), "float32")
        nats = [
            keras.losses.sparse_categorical_crossentropy(
                target, ops.cast(logits, "float32"), from_logits=True
            )
            for target, logits in zip(targets, y_pred, strict=True)
        ]
        total = ops.sum(weight * (nats[0] + nats[1])) / 2
        return total / ops.maximum(ops.sum(weight), 1.0)

    def learnt_weights(self) -> dict[str, list[np.ndarray]]:
        """What a member can start from: the weights by the name of the layer."""
        return {
            "embedding": self.embedding.get_weights(),
            "reader": self.reader.get_weights(),
        }


def start_from(member: keras.Model, weights: dict[str, list[np.ndarray]]) -> None:
    """Gives an LSTM's model the `learnt_weights` of a `Pretraining`."""
    for layer in (member, member.get_layer("body")):
        for part in layer.layers:
            if part.name in weights:
                part.set_weights(weights[part.name])


class LanguageBatches:
    """Texts as batches of pieces, split anew in every epoch.

    Args:
        pieces: `Pieces`.
        unlabelled: More texts, strings.
        epochs: Epochs of the training.
        verbose: Whether to show how far the work is.
    """

    def __init__(
        self,
        pieces: Pieces,
        unlabelled: list[str],
        epochs: int,
        verbose: str | int,
    ) -> None:
        self.epochs = epochs
        if unlabelled:
            progress = Progress("finding words") if verbose else None
            unlabelled = spaced_texts(unlabelled, progress)
        self.texts = [*pieces.texts, *unlabelled]
        self.vocabulary, self.seed = pieces.vocabulary, pieces.seed
        order = np.random.default_rng(self.seed).permutation(len(self.texts))
        cut = max(1, len(self.texts) // HELD_OUT)
        self.held_out, self.chosen = order[:cut], order[cut:]

    @functools.cached_property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch."""
        return self._count(self.chosen)

    def training(self, first_epoch: int) -> Any:
        """Batches of all epochs from one on, as a data set without end."""
        return self._dataset(self.chosen, self.steps_per_epoch, first_epoch)

    def validation(self) -> Any:
        """Batches of the texts held out, once."""
        return self._dataset(self.held_out, self._count(self.held_out))

    def _split(self, i: int, chance: random.Random | None) -> list[int]:
        text = self.texts[i]
        if chance is None:
            return shortened(self.vocabulary.encode(text)) or [0]
        return shortened(split_anew(self.vocabulary, text, chance)) or [0]

    def _count(self, chosen: np.ndarray) -> int:
        lengths = [len(self._split(i, None)) for i in chosen]
        return len(batches_by_tokens(lengths, max(TOKENS, *lengths, 1)))

    def _dataset(
        self, chosen: np.ndarray, count: int, first_epoch: int | None = None
    ) -> Any:
        tf = require("tensorflow", "recipes")

        def batches(epoch: int) -> Iterator[np.ndarray]:
            chance = None
            if first_epoch is not None:
                chance = random.Random(f"{self.seed} {epoch}")
            split = [self._split(i, chance) for i in chosen]
            groups = batches_by_tokens(
                list(map(len, split)), count=count, seed=self.seed, epoch=epoch
            )
            for batch in groups:
                yield pad([split[i] for i in batch])

        signature = tf.TensorSpec([None, None], tf.int32)
        return epoch_dataset(batches, signature, size=count, first_epoch=first_epoch)
