"""How the classification recipe trains, calibrates and decides."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.training import EpochCheckpoint, assign_folds, epoch_dataset
from keras_seq.typing import Tensor
from recipes.binary_classification.data import Data
from recipes.binary_classification.features import in_batches, tensors
from recipes.binary_classification.figures import figures_of
from recipes.binary_classification.model import MEMBERS, Classifier, calibrated
from recipes.binary_classification.settings import Config
from recipes.binary_classification.table import Rows

PRIOR = 10.0  # rows' worth


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows to train on, and for each the member that it is held out from."""

    rows: Rows
    labels: np.ndarray
    held_out: np.ndarray
    class_weights: np.ndarray

    @classmethod
    def of(cls, config: Config, data: Data, chosen: np.ndarray) -> "Part":
        """The rows of the data with these indices."""
        labels = data.labels[chosen]
        held_out = assign_folds(labels, data.groups[chosen], MEMBERS, config.seed)
        return cls(
            data.rows.take(chosen),
            labels,
            held_out,
            class_weights(labels, config.class_weights),
        )

    @property
    def batch_size(self) -> int:
        """Rows in a step: about 8 steps an epoch, more for large tables."""
        return int(np.clip(len(self.labels) // 8, 16, 512))

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in an epoch."""
        return -(-len(self.labels) // self.batch_size)

    def member_weights(self, *, held_out: bool) -> np.ndarray:
        """Weight of each row for each member, shape (B, members), float32.

        Args:
            held_out: Whether the rows that a member is held out from have a weight,
                to validate it, or the others, to train it.
        """
        own = self.held_out[:, None] == np.arange(MEMBERS)
        of_row = self.class_weights[self.labels, None]
        return ((own == held_out) * of_row).astype("float32")

    def batches(self, seed: int, first_epoch: int) -> Any:
        """Training batches without end, epoch for epoch the same from any start."""
        tf = require("tensorflow", "recipes")

        def batches(epoch: int) -> Iterator[np.ndarray]:
            order = np.random.default_rng((seed, epoch)).permutation(len(self.rows))
            for start in range(0, len(order), self.batch_size):
                yield order[start : start + self.batch_size].astype("int32")

        indices = epoch_dataset(
            batches,
            tf.TensorSpec([None], tf.int32),
            size=self.steps_per_epoch,
            first_epoch=first_epoch,
        )
        whole = self._tensors(held_out=False)
        return indices.map(
            lambda i: tf.nest.map_structure(lambda part: tf.gather(part, i), whole)
        )

    def validation_batches(self) -> Any:
        """All rows, each weighing for the member that it is held out from."""
        tf = require("tensorflow", "recipes")
        dataset = tf.data.Dataset.from_tensor_slices(self._tensors(held_out=True))
        return dataset.batch(4096)

    def _tensors(
        self, *, held_out: bool
    ) -> tuple[dict[str, Tensor], np.ndarray, np.ndarray]:
        labels = np.repeat(self.labels[:, None, None], MEMBERS, 1).astype("float32")
        return tensors(self.rows), labels, self.member_weights(held_out=held_out)

    @property
    def expected_bias(self) -> float:
        """What undoes the weights of the classes, added to a logit."""
        return float(np.log(self.class_weights[0] / self.class_weights[1]))

    def held_out_logits(self, model: keras.Model) -> np.ndarray:
        """Each row's logit by the member that hasn't trained on it; shape (B,)."""
        logits = in_batches(lambda batch: model(tensors(batch)), self.rows)
        return logits[np.arange(len(logits)), self.held_out, 0].astype("float64")


def class_weights(labels: np.ndarray, kind: str) -> np.ndarray:
    """Weights of the classes 0 and 1, whose mean over the rows is 1; shape (2,)."""
    if kind == "none":
        return np.ones(2)
    return len(labels) / (2 * np.bincount(labels, minlength=2))


def fit_platt(
    logits: np.ndarray, labels: np.ndarray, bias: float = 0.0
) -> tuple[float, float]:
    """Slope and bias under which the logits' probabilities fit the labels best.

    They minimise the binary cross-entropy of σ(slope · logit + bias), summed over the
    rows, plus PRIOR / 2 · (ln²(slope) + (bias - expected bias)²): a prior that few
    rows can't tell much from, and that keeps the slope above 0. It did better here
    than Platt's own remedy against few rows, targets short of 0 and 1.

    Args:
        logits: Array of shape (B,): of rows that the model hasn't trained on.
        labels: Array of 0 and 1, shape (B,).
        bias: The expected bias: what undoes the weights of the classes.

    Returns:
        Slope and bias.

    References:
        Platt, 1999, "Probabilistic outputs for support vector machines"
    """
    optimize = require("scipy.optimize", "recipes")

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope = np.exp(parameters[0])
        z = slope * logits + bias + parameters[1]
        error = np.exp(-np.logaddexp(0, -z)) - labels
        gradient = np.array([slope * np.sum(error * logits), error.sum()])
        loss = np.sum(np.logaddexp(0, z) - labels * z)
        penalty = PRIOR / 2 * np.sum(parameters**2)
        return loss + penalty, gradient + PRIOR * parameters

    found = optimize.minimize(cost, np.zeros(2), jac=True, method="BFGS")
    return float(np.exp(found.x[0])), float(bias + found.x[1])


@dataclasses.dataclass(frozen=True)
class ThresholdCurve:
    """What every threshold that makes a difference is worth; arrays, shape (T,)."""

    thresholds: np.ndarray
    values: np.ndarray
    criterion: str
    best: float


def choose_threshold(
    probabilities: np.ndarray,
    labels: np.ndarray,
    *,
    criterion: str = "youden",
    cost: float | None = None,
) -> ThresholdCurve:
    """The threshold that is best by a criterion; of equals the middle one.

    Args:
        probabilities: Array of shape (B,): of rows that the model hasn't trained on.
        labels: Array of 0 and 1, shape (B,), both in it.
        criterion: "youden", sensitivity + specificity - 1; or "f1", 2 TP / (2 TP + FP
            + FN).
        cost: What a false negative costs if a false positive costs 1; the criterion
            is then minus the mean cost of a row.

    Returns:
        `ThresholdCurve`; its thresholds lie midway between probabilities.
    """
    order = np.argsort(probabilities)
    p, y = probabilities[order].astype("float64"), labels[order]
    # Behind the last of equal probabilities, and before the first of all.
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(p)) + 1, [len(p)]])
    edges = np.concatenate([[0.0], p, [1.0]])
    thresholds = (edges[cuts] + edges[cuts + 1]) / 2
    missed = np.concatenate([[0], np.cumsum(y)])[cuts]
    rejected = cuts - missed
    positives, negatives = y.sum(), len(y) - y.sum()
    hits, alarms = positives - missed, negatives - rejected
    if cost is not None:
        criterion = f"-(false alarms + {cost:g} misses) per row"
        values = -(alarms + cost * missed) / len(y)
    elif criterion == "f1":
        values = 2 * hits / np.maximum(2 * hits + alarms + missed, 1)
    else:
        values = hits / positives + rejected / negatives - 1
    best = np.flatnonzero(values >= values.max() - 1e-12)
    return ThresholdCurve(
        thresholds, values, criterion, float(thresholds[best[len(best) // 2]])
    )


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A trained classifier, and how the rows held out from members were predicted."""

    classifier: Classifier
    checkpoint: EpochCheckpoint
    slope: float
    bias: float
    labels: np.ndarray
    probabilities: np.ndarray
    curve: ThresholdCurve

    def figures(self) -> dict[str, Any]:
        """What metrics.json says of the rows held out."""
        return {
            "slope": self.slope,
            "bias": self.bias,
            "threshold": self.curve.best,
            "criterion": self.curve.criterion,
            **figures_of(self.probabilities, self.labels, self.curve.best),
        }

    @classmethod
    def of(
        cls,
        config: Config,
        data: Data,
        part: Part,
        model: keras.Model,
        checkpoint: EpochCheckpoint,
    ) -> "Fitted":
        """Calibrates a trained model and chooses its threshold, on rows held out."""
        logits = part.held_out_logits(model)
        slope, bias = fit_platt(logits, part.labels, part.expected_bias)
        probabilities = 1 / (1 + np.exp(-(slope * logits + bias)))
        curve = choose_threshold(
            probabilities,
            part.labels,
            criterion=config.threshold,
            cost=config.false_negative_cost,
        )
        whole = calibrated(model, slope, bias)
        names = data.negative, data.positive
        classifier = Classifier(whole, data.columns, *names, curve.best)
        return cls(
            classifier, checkpoint, slope, bias, part.labels, probabilities, curve
        )
