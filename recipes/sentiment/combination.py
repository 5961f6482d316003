"""LSTMs and n-grams put together, weighed on texts that they were held out from."""

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_seq.training import EpochCheckpoint
from recipes.sentiment.figures import figures_of
from recipes.sentiment.naive_bayes import fit_combination
from recipes.sentiment.ngrams import Ngrams
from recipes.sentiment.pieces import Pieces, Share
from recipes.sentiment.reading import Reader


@dataclasses.dataclass(frozen=True)
class Member:
    """A trained LSTM, and what it says of the texts that it is held out from.

    Attributes:
        model: Pieces → logits.
        history: Dicts, what was logged in each epoch.
        best_epoch: Index of the epoch whose weights it has.
        held_out: Indices of the texts.
        logits: Of these texts, shape (texts, labels).
    """

    model: keras.Model
    history: list[dict[str, float]]
    best_epoch: int
    held_out: np.ndarray
    logits: np.ndarray

    @classmethod
    def of(
        cls, model: keras.Model, share: Share, checkpoint: EpochCheckpoint
    ) -> "Member":
        """A member that has been trained on a share of the texts."""
        best, logits = checkpoint.best_epoch, share.logits(model)
        assert best is not None  # `fit` refuses to end without one
        return cls(model, checkpoint.history, best, share.held_out, logits)


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained model, and how well its parts predicted texts held out from them.

    Attributes:
        model: Pieces and n-grams → logits and probabilities.
        reader: Makes its inputs of texts.
        names: Of its parts.
        weights: Of its parts.
        members: The LSTMs.
        held_out_labels: Of the texts held out, in the order of the members.
        held_out_parts: The parts' logits, shape (texts, parts, labels).
        cut_off: How many training texts the LSTMs didn't read whole.
        plain: The plain model beside it; None if it is the plain model itself.
    """

    model: keras.Model
    reader: Reader
    names: list[str]
    weights: np.ndarray
    members: list[Member]
    held_out_labels: np.ndarray
    held_out_parts: np.ndarray
    cut_off: int
    plain: "Fitted | None" = None

    @property
    def held_out_logits(self) -> np.ndarray:
        """Logits of the held-out texts, by the combination; shape (texts, labels)."""
        bias = self.model.get_layer("combination").get_weights()[1]
        return np.einsum("nkc,k->nc", self.held_out_parts, self.weights) + bias

    def figures(self) -> dict[str, Any]:
        """What metrics.json says of the texts held out."""
        held_out = keras.ops.softmax(self.held_out_logits.astype("float32"))
        return {
            "held_out": figures_of(
                keras.ops.convert_to_numpy(held_out), self.held_out_labels
            ),
            "weights": dict(zip(self.names, self.weights.tolist(), strict=True)),
            "best_epochs": [one.best_epoch + 1 for one in self.members],
        }

    def history_table(self) -> str:
        """What was logged in each epoch of each LSTM, as CSV."""
        names = ["lstm", *self.members[0].history[0]]
        table = io.StringIO()
        writer = csv.DictWriter(table, names, lineterminator="\n")
        writer.writeheader()
        for number, member in enumerate(self.members, start=1):
            writer.writerows({"lstm": number, **row} for row in member.history)
        return table.getvalue()


def put_together(
    pieces: Pieces, members: list[Member], ngrams: dict[str, Ngrams], plain: Fitted
) -> Fitted:
    """The combination whose weights are best on the texts held out."""
    rows = np.concatenate([member.held_out for member in members])
    labels = pieces.labels[rows]
    read = np.concatenate([member.logits for member in members])
    parts = np.stack([read, *(level.held_out[rows] for level in ngrams.values())], 1)
    weights, bias = fit_combination(parts, labels, pieces.weights_of(rows))
    for k, level in enumerate(ngrams.values(), start=1):
        bias = bias + weights[k] * level.bias
        parts[:, k] -= level.bias
    models = [member.model for member in members]
    tables = {name: level.table for name, level in ngrams.items()}
    return Fitted(
        model=combine(models, tables, weights, bias),
        reader=_reader(pieces, ngrams),
        names=["LSTM", *(f"n-grams of {level}" for level in ngrams)],
        weights=weights,
        members=members,
        held_out_labels=labels,
        held_out_parts=parts,
        cut_off=pieces.cut_off,
        plain=plain,
    )


def alone(pieces: Pieces, member: Member) -> Fitted:
    """One LSTM in the form of the combination: its logits are the model's."""
    weights, bias = np.ones(1), np.zeros(len(pieces.names))
    return Fitted(
        model=combine([member.model], {}, weights, bias),
        reader=_reader(pieces, {}),
        names=["LSTM"],
        weights=weights,
        members=[member],
        held_out_labels=pieces.labels[member.held_out],
        held_out_parts=member.logits[:, None],
        cut_off=pieces.cut_off,
    )


def _reader(pieces: Pieces, ngrams: dict[str, Ngrams]) -> Reader:
    hashers = {name: level.hasher for name, level in ngrams.items()}
    return Reader(pieces.vocabulary, hashers)


def combine(
    members: list[keras.Model],
    tables: dict[str, np.ndarray],
    weights: np.ndarray,
    bias: np.ndarray,
) -> keras.Model:
    """The whole model: pieces and n-grams → logits and probabilities (B, labels).

    Args:
        members: Trained LSTMs, pieces → logits.
        tables: Dict from a level of n-grams to its table (buckets, labels).
        weights: Of the mean of the members' logits and of each level's; shape (1 +
            levels,).
        bias: Shape (labels,).
    """
    labels = members[0].output_shape[-1]
    for number, member in enumerate(members, start=1):
        member.name = f"member_{number}"
    pieces = keras.Input((None,), dtype="int32", name="pieces")
    inputs = {"pieces": pieces}
    read = [member(pieces) for member in members]
    parts = [keras.layers.Average(name="members")(read) if len(read) > 1 else read[0]]
    for level, table in tables.items():
        ids = keras.Input((None,), dtype="int32", name=f"{level}_id")
        share = keras.Input((None,), name=f"{level}_share")
        inputs |= {f"{level}_id": ids, f"{level}_share": share}
        rows = keras.layers.Embedding(*table.shape, name=f"{level}_table")
        summed = keras.layers.Dot(axes=1, name=f"{level}_logits")([share, rows(ids)])
        parts.append(summed)
        rows.set_weights([table])
    stacked = keras.ops.stack(parts, axis=1)
    combination = keras.layers.EinsumDense(
        "bkc,k->bc", (labels,), bias_axes="c", name="combination"
    )
    logits = combination(stacked)
    combination.set_weights([np.asarray(weights), np.asarray(bias)])
    probabilities = keras.layers.Softmax(name="probabilities")(logits)
    return keras.Model(
        inputs,
        {"logits": logits, "probabilities": probabilities, "parts": stacked},
        name="sentiment",
    )


def seconds_trained(folder: Path) -> float:
    """For how long the models with checkpoints in a folder have been trained."""
    states = folder.glob("*/state")
    return sum(EpochCheckpoint(x, resume=True).seconds_trained for x in states)
