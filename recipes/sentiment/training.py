"""How the sentiment recipe's parts are trained, held out in turn, and put together."""

import csv
import dataclasses
import io
import random

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.runs import Progress
from keras_seq.text import (
    SubwordVocabulary,
    WordVocabulary,
    read_vectors,
)
from keras_seq.training import (
    EpochCheckpoint,
    assign_folds,
    batches_by_tokens,
    epoch_dataset,
    pad,
)
from recipes.sentiment.data import (
    EPOCHS,
    MEMBERS,
    RAREST,
    READ,
    TESTED,
    VOCABULARY,
)
from recipes.sentiment.linear import fit_combination, fit_table
from recipes.sentiment.model import build_member, combine, compile_member
from recipes.sentiment.pretraining import pretrain, start_from
from recipes.sentiment.reading import (
    Reader,
    hasher_for,
    ngram_matrix,
    orders_for,
    shortened,
    spaced_texts,
    split_anew,
)

SPLIT_ANEW = 1_000_000  # pieces of the training texts at most
TOKENS = 3000  # in a training step at least
ROWS = 24  # texts in a training step at least, on the average


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained model, and how well its parts predicted texts held out from them."""

    model: keras.Model
    reader: Reader
    names: list[str]
    weights: np.ndarray
    histories: list[list[dict]]
    best_epochs: list[int]
    held_out_labels: np.ndarray
    held_out_parts: np.ndarray
    cut_off: int
    earlier_seconds: float

    @property
    def held_out_logits(self):
        """Logits of the held-out texts, by the combination; shape (texts, labels)."""
        bias = self.model.get_layer("combination").get_weights()[1]
        return np.einsum("nkc,k->nc", self.held_out_parts, self.weights) + bias

    def history_table(self):
        """What was logged in each epoch of each LSTM, as CSV."""
        names = ["lstm", *self.histories[0][0]]
        table = io.StringIO()
        writer = csv.DictWriter(table, names, lineterminator="\n")
        writer.writeheader()
        for number, history in enumerate(self.histories, start=1):
            writer.writerows({"lstm": number, **row} for row in history)
        return table.getvalue()


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is trained: a function of the texts' number and length."""

    epochs: int
    members: int
    tokens: int
    split_anew: bool

    @classmethod
    def of(cls, config, lengths):
        """The plan for training texts of these lengths."""
        total = int(np.sum(lengths))
        epochs = config.epochs or int(np.clip(READ // total, *EPOCHS))
        members = config.members or int(np.clip(READ // (total * epochs), 1, MEMBERS))
        tokens = max(TOKENS, round(ROWS * total / len(lengths)), int(np.max(lengths)))
        # Many texts show a word in many places as it is; that takes less time.
        return cls(epochs, members, tokens, total <= SPLIT_ANEW)

    @property
    def folds(self):
        """In how many parts the texts are cut, of which each member skips one."""
        return self.members if self.members > 2 else TESTED


def fit(config, train, labels, folder, resume=False, unlabelled=(), verbose="auto"):
    """Trains all parts and combines them.

    Args:
        config: The recipe's `Config`.
        train: The training texts, a `Part`.
        labels: Number of labels.
        folder: `pathlib.Path` for checkpoints.
        resume: Whether to go on from them.
        unlabelled: Strings, for `config.pretrain`.
        verbose: As for `keras.Model.fit`.

    Returns:
        `Fitted`.
    """
    progress = Progress if verbose else lambda label: None
    texts = spaced_texts(train.texts, progress("finding words"))
    vocabulary = _vocabulary(config, texts)
    encoded = [vocabulary.encode(text) for text in texts]
    lengths = [max(1, len(shortened(ids))) for ids in encoded]
    plan = Plan.of(config, lengths)
    vectors = _vectors(config, vocabulary, progress)
    folds = assign_folds(train.labels, train.groups, plan.folds, config.seed)
    tables, oof_ngrams, hashers = {}, {}, {}
    if config.ngrams:
        for level, orders in orders_for(texts).items():
            hashers[level] = hasher_for(level, orders, texts)
            tables[level], oof_ngrams[level] = _fit_ngrams(
                hashers[level], texts, train.labels, labels, folds, plan, progress
            )
    keras.utils.set_random_seed(config.seed)
    member = build_member(config, len(vocabulary), labels, vectors)
    if config.pretrain and unlabelled:
        unlabelled = spaced_texts(list(unlabelled), progress("finding words"))
    started, earlier = pretrain(
        config, member, texts, unlabelled, vocabulary, folder, resume, verbose
    )
    members, histories, best, held_out, read = [], [], [], [], []
    for number in range(plan.members):
        out = folds == number
        chosen = np.flatnonzero(~out)
        if verbose:
            print(f"LSTM {number + 1} of {plan.members}: {len(chosen)} texts")
        keras.utils.set_random_seed(config.seed + number)
        model = build_member(config, len(vocabulary), labels, vectors)
        start_from(model, started)
        sequences = Sequences(texts, encoded, train.labels, vocabulary, plan)
        checkpoint = EpochCheckpoint(
            folder / f"member_{number + 1}" / "state", resume=resume
        )
        earlier += checkpoint.seconds_trained
        train_member(
            model,
            sequences,
            chosen,
            np.flatnonzero(out),
            checkpoint,
            seed=config.seed + number,
            verbose=verbose,
        )
        members.append(model)
        histories.append(checkpoint.history)
        assert checkpoint.best_epoch is not None  # `fit` refuses to end without one
        best.append(checkpoint.best_epoch)
        held_out.append(np.flatnonzero(out))
        read.append(sequences.logits(model, held_out[-1]))
    rows = np.concatenate(held_out)
    parts = np.stack(
        [np.concatenate(read), *(oof_ngrams[level][rows] for level in tables)], axis=1
    )
    weights, bias = fit_combination(parts, train.labels[rows])
    bare = {level: table for level, (table, _) in tables.items()}
    for k, level in enumerate(tables, start=1):
        bias = bias + weights[k] * tables[level][1]
        parts[:, k] -= tables[level][1]
    return Fitted(
        model=combine(members, bare, weights, bias),
        reader=Reader(vocabulary, hashers),
        names=["LSTM", *(f"n-grams of {level}" for level in tables)],
        weights=weights,
        histories=histories,
        best_epochs=best,
        held_out_labels=train.labels[rows],
        held_out_parts=parts,
        cut_off=sum(len(shortened(ids)) < len(ids) for ids in encoded),
        earlier_seconds=earlier,
    )


class Sequences:
    """The texts as batches of pieces.

    Args:
        texts: Strings, spaced.
        encoded: Their pieces, lists of integers.
        labels: Array of integers.
        vocabulary: The vocabulary, which may split words anew in every epoch.
        plan: The `Plan`.
    """

    def __init__(self, texts, encoded, labels, vocabulary, plan):
        self.texts, self.encoded, self.labels = texts, encoded, labels
        self.vocabulary, self.plan = vocabulary, plan

    def training(self, chosen, count, seed, first_epoch):
        """Batches of all epochs from one on, as a data set without end."""

        def batches(epoch):
            chance = random.Random(f"{seed} {epoch}")
            split = [self._split(i, chance) for i in chosen]
            groups = batches_by_tokens(
                list(map(len, split)), count=count, seed=seed, epoch=epoch
            )
            for batch in groups:
                yield pad([split[i] for i in batch]), self.labels[chosen[batch]]

        return epoch_dataset(batches, _signature(), size=count, first_epoch=first_epoch)

    def _split(self, i, chance):
        ids = self.encoded[i]
        if self.plan.split_anew:
            ids = split_anew(self.vocabulary, self.texts[i], chance)
        return shortened(ids) or [0]

    def once(self, chosen):
        """The texts once, in order of length: list of (places, pieces)."""
        ids = [shortened(self.encoded[i]) or [0] for i in chosen]
        groups = batches_by_tokens(list(map(len, ids)), 4 * self.plan.tokens)
        return [(batch, pad([ids[i] for i in batch])) for batch in groups]

    def logits(self, model, chosen):
        """Logits of the model; shape (texts, labels)."""
        tf = require("tensorflow", "recipes")
        read = tf.function(
            lambda pieces: model(pieces, training=False),
            input_signature=[tf.TensorSpec([None, None], tf.int32)],
            autograph=False,
        )
        found = np.zeros((len(chosen), model.output_shape[-1]), "float32")
        for batch, pieces in self.once(chosen):
            found[batch] = read(pieces).numpy()
        return found


def _signature():
    """Pieces and labels of a batch."""
    tf = require("tensorflow", "recipes")
    return tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)


def train_member(model, sequences, chosen, held_out, checkpoint, *, seed, verbose):
    """Trains one LSTM; it ends with the weights of its best epoch.

    Args:
        model: Model of `build_member`.
        sequences: `Sequences`.
        chosen: Indices of the texts to train on.
        held_out: Indices of those that choose the epoch.
        checkpoint: `EpochCheckpoint`.
        seed: Seed of the order and of the subwords.
        verbose: As for `keras.Model.fit`.
    """
    plan = sequences.plan
    lengths = [len(shortened(sequences.encoded[i])) or 1 for i in chosen]
    count = len(batches_by_tokens(lengths, plan.tokens, seed=seed))
    compile_member(model, count * plan.epochs)
    batches = [
        (pieces, sequences.labels[held_out[batch]])
        for batch, pieces in sequences.once(held_out)
    ]
    validation = epoch_dataset(lambda _: batches, _signature(), size=len(batches))
    checkpoint.fit(
        model,
        sequences.training(chosen, count, seed, checkpoint.first_epoch),
        epochs=plan.epochs,
        steps_per_epoch=count,
        shuffle=False,
        validation_data=validation,
        verbose=verbose,
    )


def _fit_ngrams(hasher, texts, given, labels, folds, plan, progress):
    """The table of all texts, and each text's logits by a table of other texts."""
    level = hasher.level
    matrix = ngram_matrix(hasher, texts, progress(f"counting n-grams of {level}"))
    logits = np.zeros((len(texts), labels), "float32")
    show = progress(f"fitting n-grams of {level}")
    for fold in range(plan.members):
        out = folds == fold
        table, bias = fit_table(level, matrix[~out], given[~out], labels)
        logits[out] = matrix[out] @ table + bias
        if show:
            show(fold + 1, plan.members + 1)
    whole = fit_table(level, matrix, given, labels)
    if show:
        show(plan.members + 1, plan.members + 1)
    return whole, logits


def _vocabulary(config, texts):
    if config.level == "word":
        return WordVocabulary.fit(texts, min_count=RAREST)
    size = min(VOCABULARY, 600) if config.quick else VOCABULARY
    return SubwordVocabulary.fit(texts, size=size)


def _vectors(config, vocabulary, progress):
    """What the embeddings start from, or None; chance where a word has no vector."""
    if config.vectors is None:
        return None
    try:
        vectors, found = read_vectors(
            config.vectors, vocabulary, progress=progress("reading vectors")
        )
    except (OSError, ValueError) as error:
        raise ValueError(f"--vectors: {error}") from error
    if not found.any():
        raise ValueError(f"--vectors {config.vectors!r} has no word of the texts.")
    print(f"{found.sum()} of {len(vocabulary.words)} words have a vector")
    spread = vectors[found].std()
    noise = np.random.default_rng(config.seed).normal(0, spread, vectors.shape)
    return np.where(found[:, None], vectors, noise).astype("float32")
