"""The LSTM of the sentiment recipe learns its texts' language before their labels.

Dai and Le (2015), Semi-supervised sequence learning. Both directions are trained at
once: the forward LSTM predicts the piece after each, the backward one the piece before.
"""

import random

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.training import (
    EpochCheckpoint,
    batches_by_tokens,
    epoch_dataset,
    pad,
)
from recipes.sentiment.reading import shortened, split_anew

TOKENS = 3000  # in a training step
HELD_OUT = 20  # one text of so many
RATE = 2e-3


class Pretraining(keras.Model):
    """Predicts the next piece and the one before; the embeddings are the output's too.

    Args:
        member: A model of `build_member`, whose embeddings and LSTM are trained.
        dropout: Share of the features that is dropped.
    """

    def __init__(self, member, dropout):
        super().__init__(name="pretraining")
        self.embedding = member.get_layer("embedding")
        self.reader = member.get_layer("body").get_layer("reader")
        size = self.embedding.output_dim
        self.drop = keras.layers.SpatialDropout1D(dropout)
        self.drop_state = keras.layers.Dropout(dropout)
        self.after = keras.layers.Dense(size, name="after")
        self.before = keras.layers.Dense(size, name="before")

    def build(self, input_shape):
        """Makes the projections of both directions."""
        units = self.reader.forward_layer.units
        self.after.build((None, None, units))
        self.before.build((None, None, units))
        self.built = True

    def call(self, pieces, training=False):
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

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **_):
        """The mean of both directions' nats per piece."""
        ops = keras.ops
        targets = (x[:, 1:], x[:, :-1])
        # Padding stands at the end: a piece counts if the later of the two does.
        weight = ops.cast(ops.not_equal(x[:, 1:], 0), "float32")
        nats = [
            keras.losses.sparse_categorical_crossentropy(
                target, logits, from_logits=True
            )
            for target, logits in zip(targets, y_pred, strict=True)
        ]
        total = ops.sum(weight * (nats[0] + nats[1])) / 2
        return total / ops.maximum(ops.sum(weight), 1.0)


def pretrain(config, member, texts, unlabelled, vocabulary, folder, resume, verbose):
    """Trains the language models on the texts and the unlabelled ones.

    Returns:
        Dict from the name of a layer to its weights, for `start_from`; empty without
        `config.pretrain`. And the seconds that earlier runs trained.
    """
    if not config.pretrain:
        return {}, 0.0
    texts = [*texts, *unlabelled]
    model = Pretraining(member, config.dropout / 2)
    model.build((None, None))
    order = np.random.default_rng(config.seed).permutation(len(texts))
    cut = max(1, len(texts) // HELD_OUT)
    held_out, chosen = order[:cut], order[cut:]
    batches = _Batches(texts, vocabulary, config.seed)
    count = batches.count(chosen)
    steps = count * config.pretrain
    schedule = keras.optimizers.schedules.CosineDecay(RATE, max(1, steps), alpha=0.05)
    model.compile(
        keras.optimizers.Adam(schedule, global_clipnorm=1.0), jit_compile=False
    )
    if verbose:
        print(f"pre-training on {len(chosen)} texts")
    checkpoint = EpochCheckpoint(folder / "pretraining" / "state", resume=resume)
    earlier = checkpoint.seconds_trained
    checkpoint.fit(
        model,
        batches.dataset(chosen, count, checkpoint.first_epoch),
        epochs=config.pretrain,
        steps_per_epoch=count,
        shuffle=False,
        validation_data=batches.dataset(held_out, batches.count(held_out)),
        verbose=verbose,
    )
    weights = {
        "embedding": model.embedding.get_weights(),
        "reader": model.reader.get_weights(),
    }
    return weights, earlier


def start_from(member, weights):
    """Gives a model of `build_member` the weights that `pretrain` returned."""
    for layer in (member, member.get_layer("body")):
        for part in layer.layers:
            if part.name in weights:
                part.set_weights(weights[part.name])


class _Batches:
    """Texts as batches of pieces, split anew in every epoch."""

    def __init__(self, texts, vocabulary, seed):
        self.texts, self.vocabulary, self.seed = texts, vocabulary, seed

    def _split(self, i, chance):
        text = self.texts[i]
        if chance is None:
            return shortened(self.vocabulary.encode(text)) or [0]
        return shortened(split_anew(self.vocabulary, text, chance)) or [0]

    def count(self, chosen):
        """Batches in an epoch."""
        lengths = [len(self._split(i, None)) for i in chosen]
        return len(batches_by_tokens(lengths, max(TOKENS, *lengths, 1)))

    def dataset(self, chosen, count, first_epoch=None):
        """Batches as a data set: without end from an epoch on, or once."""
        tf = require("tensorflow", "recipes")

        def batches(epoch):
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
