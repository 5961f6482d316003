"""The ensemble for classes, several labels or a number: its part, calibrated, whole."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import EinsumDense

from keras_seq.extras import require
from keras_seq.training import EpochCheckpoint, assign_folds, epoch_dataset
from keras_seq.typing import Tensor
from recipes.binary_classification.features import (
    feature_columns,
    in_batches,
    tensors,
)
from recipes.binary_classification.model import MEMBERS, integrated_gradients
from recipes.binary_classification.settings import Config
from recipes.binary_classification.table import Column, Rows
from recipes.binary_classification.targets import TargetData, strata
from recipes.binary_classification.training import fit_platt

PRIOR = 10.0  # rows' worth, that the probabilities are right as they are
POINTS = 16  # of a quadrature
COVERED = 0.8  # of the values that an interval shall hold


@dataclasses.dataclass(frozen=True)
class Scale:
    """Where a number's values lie: the model predicts (value - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A whole model, its columns and what its outputs mean.

    Attributes:
        model: Raw rows to "logits" and "probabilities" (B, K), or "value" (B, 1).
        columns: The columns that it reads.
        kind: "classes", "labels" or "number".
        names: Of the classes or labels.
        unit: Of the number.
        interval: What is added to a value so that COVERED of them lie between: a pair.
    """

    model: keras.Model
    columns: list[Column]
    kind: str
    names: list[str]
    unit: str
    interval: tuple[float, float]

    def predict(self, rows: Rows) -> np.ndarray:
        """Probabilities (B, K), or values (B,)."""
        name = "value" if self.kind == "number" else "probabilities"
        found = in_batches(lambda batch: self.model(tensors(batch))[name], rows)
        return found[:, 0] if self.kind == "number" else found

    def answers(self, predicted: np.ndarray) -> list[Any]:
        """What is called: a class, a list of labels, or the number itself, a row."""
        if self.kind == "number":
            return [float(value) for value in predicted]
        if self.kind == "classes":
            return [self.names[i] for i in predicted.argmax(axis=1)]
        return [[self.names[i] for i in np.flatnonzero(p >= 0.5)] for p in predicted]

    def contributions(self, rows: Rows) -> np.ndarray:
        """What each column adds, against the mean row, (B, columns): to the value, or
        to the logit of the class that is called, less the mean of all classes'.

        ValueError for several labels, which have no one answer to explain.
        """
        if self.kind == "labels":
            raise ValueError("several labels have no one answer to explain.")
        return in_batches(lambda batch: self.explain(tensors(batch)), rows)

    def explain(self, inputs: dict[str, Tensor]) -> Tensor:
        """The contributions as a tensor, from tensors: a part of a graph."""
        features = self.model.get_layer("features")
        owners = feature_columns(features, self.columns)
        encoded = features(inputs)
        of_feature = integrated_gradients(self._explained(encoded), encoded, POINTS)
        return of_feature @ np.eye(len(self.columns), dtype="float32")[owners]

    def _explained(self, encoded: Tensor) -> Any:
        """Function from features, a row's one after the other, to what is explained."""
        head = self.model.get_layer("head")
        if self.kind == "number":
            return head
        count = len(self.names)
        called = ops.argmax(head(encoded), axis=1)

        def logit(scaled: Tensor, training: bool = False) -> Tensor:
            logits = head(scaled, training=training)
            logits = logits - ops.mean(logits, axis=1, keepdims=True)
            chosen = ops.one_hot(ops.repeat(called, POINTS), count)
            return ops.sum(logits * chosen, axis=1, keepdims=True)

        return logit


@dataclasses.dataclass(frozen=True)
class TargetPart:
    """Rows to train on, and for each the member that it is held out from.

    Attributes:
        kind: "classes", "labels" or "number".
        rows: The rows.
        targets: What is predicted of them; a number scaled.
        scale: Of the number.
        held_out: The member of each.
        weights: The weight of each.
        outputs: Classes or labels, or 1.
    """

    kind: str
    rows: Rows
    targets: np.ndarray
    scale: Scale
    held_out: np.ndarray
    weights: np.ndarray
    outputs: int

    @classmethod
    def of(cls, config: Config, data: TargetData) -> "TargetPart":
        """The training rows."""
        rows = data.rows.take(data.train)
        targets = data.targets[data.train]
        scale = Scale()
        if data.kind == "number":
            scale = Scale(float(targets.mean()), float(targets.std()) or 1.0)
            targets = (targets - scale.mean) / scale.deviation
        codes = strata(data.kind, data.targets)[data.train]
        held_out = assign_folds(codes, data.groups[data.train], MEMBERS, config.seed)
        weights = _class_weights(config, data.kind, targets, len(data.names))
        outputs = len(data.names) or 1
        return cls(data.kind, rows, targets, scale, held_out, weights, outputs)

    def loss(self) -> keras.losses.Loss:
        """What training makes small."""
        mean = {"reduction": "mean_with_sample_weight"}
        if self.kind == "classes":
            return keras.losses.SparseCategoricalCrossentropy(from_logits=True, **mean)
        if self.kind == "labels":
            return keras.losses.BinaryCrossentropy(from_logits=True, **mean)
        return keras.losses.MeanSquaredError(**mean)

    def metric(self) -> keras.metrics.Metric:
        """The same without the penalties on the weights, by which training ends."""
        if self.kind == "classes":
            return keras.metrics.SparseCategoricalCrossentropy(
                "error", from_logits=True
            )
        if self.kind == "labels":
            return keras.metrics.BinaryCrossentropy("error", from_logits=True)
        return keras.metrics.MeanSquaredError("error")

    @property
    def batch_size(self) -> int:
        """Rows in a step: about 8 steps an epoch, more for large tables."""
        return int(np.clip(len(self.rows) // 8, 16, 512))

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in an epoch."""
        return -(-len(self.rows) // self.batch_size)

    def batches(self, seed: int, first_epoch: int) -> Any:
        """Training batches without end, epoch for epoch the same from any start."""
        whole = _tensors(
            self.rows, self.kind, self.targets, self.held_out, self.weights, False
        )
        return _batches(whole, len(self.rows), self.batch_size, seed, first_epoch)

    def validation_batches(self) -> Any:
        """All rows, each weighing for the member that it is held out from."""
        return _validation(
            self.rows, self.kind, self.targets, self.held_out, self.weights
        )


@dataclasses.dataclass(frozen=True)
class Trained:
    """A predictor, how its training went, and what it predicts of rows held out."""

    predictor: Predictor
    checkpoint: EpochCheckpoint
    slope: list[float]
    bias: list[float]
    predicted: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(
        cls,
        data: TargetData,
        part: TargetPart,
        model: keras.Model,
        checkpoint: EpochCheckpoint,
    ) -> "Trained":
        """Calibrates a trained model on the rows held out from members."""
        rows, targets, scale = part.rows, part.targets, part.scale
        own = in_batches(
            lambda batch, member: ops.convert_to_numpy(model(tensors(batch)))[
                np.arange(len(member)), member
            ],
            rows,
            part.held_out,
        ).astype("float64")
        slope, bias = calibration(data.kind, own, targets)
        interval = (0.0, 0.0)
        if data.kind == "number":
            slope, bias = [scale.deviation], [scale.mean]
            own, targets = own * scale.deviation + scale.mean, data.targets[data.train]
            edges = (1 - COVERED) / 2, (1 + COVERED) / 2
            low, high = np.quantile(targets - own[:, 0], edges)
            interval = (float(low), float(high))
            predicted = own[:, 0]
        else:
            predicted = _probabilities(data.kind, own * slope + bias)
        predictor = Predictor(
            whole_model(model, data.kind, slope, bias),
            data.columns,
            data.kind,
            data.names,
            data.unit,
            interval,
        )
        return cls(predictor, checkpoint, slope, bias, predicted, targets)


def calibration(
    kind: str, logits: np.ndarray, targets: np.ndarray
) -> tuple[list[float], list[float]]:
    """Slope and bias of each output: of classes one temperature for all (Guo et al.,
    2017), of labels each its own (Platt).
    """
    count = logits.shape[1]
    if kind == "labels":
        pairs = [fit_platt(logits[:, i], targets[:, i]) for i in range(count)]
        return [slope for slope, _ in pairs], [bias for _, bias in pairs]
    if kind == "number":
        return [1.0], [0.0]
    optimize = require("scipy.optimize", "recipes")
    log_softmax = require("scipy.special", "recipes").log_softmax

    def cost(log_slope: float) -> float:
        log_p = log_softmax(np.exp(log_slope) * logits, axis=1)
        own = log_p[np.arange(len(targets)), targets.astype(int)]
        return float(-own.sum() + PRIOR / 2 * log_slope**2)

    slope = float(np.exp(optimize.minimize_scalar(cost, bounds=(-3, 3)).x))
    return [slope] * count, [0.0] * count


def whole_model(
    model: keras.Model, kind: str, slope: list[float], bias: list[float]
) -> keras.Model:
    """The model to keep: raw rows to logits and probabilities, or to the value."""
    features, members = (model.get_layer(name) for name in ("features", "members"))
    inputs = keras.Input((members.input_shape[1],))
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(members(inputs))
    layer = EinsumDense("bk,k->bk", len(slope), bias_axes="k", name="calibration")
    head = keras.Model(inputs, layer(mean), name="head")
    layer.set_weights([np.array(slope), np.array(bias)])
    found = head(features(features.input))
    if kind == "number":
        return keras.Model(features.input, {"value": found}, name="predictor")
    activation = "softmax" if kind == "classes" else "sigmoid"
    p = keras.layers.Activation(activation, name="probabilities")(found)
    outputs = {"logits": found, "probabilities": p}
    return keras.Model(features.input, outputs, name="predictor")


def _probabilities(kind: str, logits: np.ndarray) -> np.ndarray:
    special = require("scipy.special", "recipes")
    if kind == "classes":
        return special.softmax(logits, axis=1)
    return special.expit(logits)


def _class_weights(
    config: Config, kind: str, targets: np.ndarray, count: int
) -> np.ndarray:
    """A weight for each row, whose mean is 1."""
    if kind != "classes" or config.class_weights == "none":
        return np.ones(len(targets))
    return (len(targets) / (count * np.bincount(targets, minlength=count)))[targets]


def _tensors(
    rows: Rows,
    kind: str,
    targets: np.ndarray,
    held_out: np.ndarray,
    weights: np.ndarray,
    validate: bool,
) -> tuple[dict[str, Tensor], np.ndarray, np.ndarray]:
    """Rows, targets (N, 1, K), and the weight of each row for each member."""
    own = held_out[:, None] == np.arange(MEMBERS)
    dtype = "int32" if kind == "classes" else "float32"
    wide = targets.reshape(len(targets), -1).astype(dtype)
    weight = ((own == validate) * weights[:, None]).astype("float32")
    return tensors(rows), wide[:, None], weight


def _for_members(rows: Any, targets: Tensor, weights: Tensor) -> Any:
    """A batch with its targets for every member: of all rows they'd be held at once."""
    return rows, ops.repeat(targets, MEMBERS, axis=1), weights


def _batches(whole: Any, count: int, size: int, seed: int, first_epoch: int) -> Any:
    """Training batches without end, epoch for epoch the same from any start."""
    tf = require("tensorflow", "recipes")

    def batches(epoch: int) -> Iterator[np.ndarray]:
        order = np.random.default_rng((seed, epoch)).permutation(count)
        for start in range(0, count, size):
            yield order[start : start + size].astype("int32")

    indices = epoch_dataset(
        batches,
        tf.TensorSpec([None], tf.int32),
        size=-(-count // size),
        first_epoch=first_epoch,
    )
    return indices.map(
        lambda i: _for_members(
            *tf.nest.map_structure(lambda part: tf.gather(part, i), whole)
        )
    )


def _validation(
    rows: Rows,
    kind: str,
    targets: np.ndarray,
    held_out: np.ndarray,
    weights: np.ndarray,
) -> Any:
    tf = require("tensorflow", "recipes")
    whole = _tensors(rows, kind, targets, held_out, weights, True)
    return tf.data.Dataset.from_tensor_slices(whole).batch(4096).map(_for_members)
