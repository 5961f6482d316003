"""The ensemble for classes, several labels or a number: trained, calibrated, whole."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.layers import Add, Dropout, EinsumDense, RepeatVector

from keras_seq.extras import require
from keras_seq.training import EpochCheckpoint, assign_folds, epoch_dataset
from keras_seq.typing import Tensor
from recipes.binary_classification.features import (
    build_features,
    feature_columns,
    in_batches,
    tensors,
)
from recipes.binary_classification.model import MEMBERS, integrated_gradients
from recipes.binary_classification.settings import CompleteConfig
from recipes.binary_classification.table import Column, Rows
from recipes.binary_classification.targets import TargetData, strata
from recipes.binary_classification.training import fit_platt

PATIENCE = 20  # epochs without a better loss on the rows held out
HIDDEN_L2 = 3.0  # penalty on the hidden layer, as a multiple of the linear path's
LEARNING_RATE = 5e-3
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
class Trained:
    """A predictor, how its training went, and what it predicts of rows held out."""

    predictor: Predictor
    checkpoint: EpochCheckpoint
    slope: list[float]
    bias: list[float]
    predicted: np.ndarray
    targets: np.ndarray


def build_members(
    config: CompleteConfig, rows: Rows, kind: str, outputs: int
) -> keras.Model:
    """Ten networks side by side, compiled: raw rows → their outputs (B, members, K).

    Each is a straight line and a hidden layer, as with two classes.
    """
    keras.utils.set_random_seed(config.seed)
    raw = build_features(rows)
    l2 = config.l2 / (2 * len(rows) * (1 - 1 / MEMBERS) * MEMBERS)
    regularizer = keras.regularizers.L2
    features = keras.Input(raw.output_shape[1:], name="features")
    x = RepeatVector(MEMBERS)(features)
    linear = EinsumDense(
        "bmf,mfo->bmo",
        (MEMBERS, outputs),
        bias_axes="mo",
        kernel_initializer="zeros",
        kernel_regularizer=regularizer(l2),
        name="linear",
    )(x)
    hidden = EinsumDense(
        "bmf,mfh->bmh",
        (MEMBERS, config.units),
        bias_axes="mh",
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(
            stddev=features.shape[1] ** -0.5
        ),
        kernel_regularizer=regularizer(HIDDEN_L2 * l2),
        name="hidden",
    )(x)
    bent = EinsumDense(
        "bmh,mho->bmo",
        (MEMBERS, outputs),
        kernel_initializer="zeros",
        kernel_regularizer=regularizer(HIDDEN_L2 * l2),
        name="bent",
    )(Dropout(0.5)(hidden))
    members = keras.Model(features, Add()([linear, bent]), name="members")
    model = keras.Model(raw.input, members(raw(raw.input)), name="training")
    loss: dict[str, Callable[[], keras.losses.Loss]] = {
        "classes": lambda: keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        "labels": lambda: keras.losses.BinaryCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        "number": lambda: keras.losses.MeanSquaredError(
            reduction="mean_with_sample_weight"
        ),
    }
    measure: dict[str, Callable[[], keras.metrics.Metric]] = {
        "classes": lambda: keras.metrics.SparseCategoricalCrossentropy(
            "error", from_logits=True
        ),
        "labels": lambda: keras.metrics.BinaryCrossentropy("error", from_logits=True),
        "number": lambda: keras.metrics.MeanSquaredError("error"),
    }
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss[kind](),
        weighted_metrics=[measure[kind]()],
        jit_compile=False,
    )
    return model


def fit_targets(config: CompleteConfig, data: TargetData, folder: Path) -> Trained:
    """Trains on the training rows, and calibrates on those held out from members."""
    rows = data.rows.take(data.train)
    targets = data.targets[data.train]
    scale = Scale()
    if data.kind == "number":
        scale = Scale(float(targets.mean()), float(targets.std()) or 1.0)
        targets = (targets - scale.mean) / scale.deviation
    codes = strata(data.kind, data.targets)[data.train]
    held_out = assign_folds(codes, data.groups[data.train], MEMBERS, config.seed)
    weights = _class_weights(config, data.kind, targets, len(data.names))
    model = build_members(config, rows, data.kind, len(data.names) or 1)
    checkpoint = EpochCheckpoint(
        folder / "checkpoints",
        monitor="val_error",
        patience=PATIENCE,
        resume=config.resume,
    )
    size = int(np.clip(len(rows) // 8, 16, 512))
    steps = -(-len(rows) // size)
    whole = _tensors(rows, data.kind, targets, held_out, weights, False)
    checkpoint.fit(
        model,
        _batches(whole, len(rows), size, config.seed, checkpoint.first_epoch),
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        validation_data=_validation(rows, data.kind, targets, held_out, weights),
        verbose="auto",
    )
    outputs = in_batches(lambda batch: model(tensors(batch)), rows)
    own = outputs[np.arange(len(rows)), held_out].astype("float64")
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
    return Trained(predictor, checkpoint, slope, bias, predicted, targets)


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
    config: CompleteConfig, kind: str, targets: np.ndarray, count: int
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
    """Rows, targets for every member, and the weight of each row for each member."""
    own = held_out[:, None] == np.arange(MEMBERS)
    dtype = "int32" if kind == "classes" else "float32"
    wide = targets.reshape(len(targets), -1).astype(dtype)
    weight = ((own == validate) * weights[:, None]).astype("float32")
    return tensors(rows), np.repeat(wide[:, None], MEMBERS, 1), weight


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
        lambda i: tf.nest.map_structure(lambda part: tf.gather(part, i), whole)
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
    return tf.data.Dataset.from_tensor_slices(whole).batch(4096)
