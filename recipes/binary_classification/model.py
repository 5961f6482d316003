"""The classification recipe's model whole: raw columns in, a probability out."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_seq.extras import require
from keras_seq.runs import FinishedRun
from keras_seq.typing import Tensor
from recipes.binary_classification.features import (
    feature_columns,
    in_batches,
    tensors,
)
from recipes.binary_classification.table import Column, Rows

MEMBERS = 10


def calibrated(model: keras.Model, slope: float, bias: float) -> keras.Model:
    """The model to keep: raw rows to logit and probability, each (B, 1).

    The logit is slope · (mean of the members' logits) + bias.
    """
    features, members = (model.get_layer(name) for name in ("features", "members"))
    inputs = keras.Input((members.input_shape[1],))
    mean = keras.layers.GlobalAveragePooling1D(name="mean")(members(inputs))
    logit = keras.layers.Dense(1, name="calibration")(mean)
    head = keras.Model(inputs, logit, name="head")
    head.get_layer("calibration").set_weights([np.array([[slope]]), np.array([bias])])
    logit = head(features(features.input))
    probability = keras.layers.Activation("sigmoid", name="probability")(logit)
    return keras.Model(
        features.input, {"logit": logit, "probability": probability}, name="classifier"
    )


def integrated_gradients(
    head: keras.Model, features: Tensor, points: int = 16
) -> Tensor:
    """What each feature adds to the logit, against the mean row, whose features are 0.

        contribution_f = x_f ∫₀¹ ∂ logit(α x) / ∂ x_f dα

    by Gauss and Legendre's quadrature, so that the contributions sum to
    logit(x) - logit(0) but for its error.

    Args:
        head: Model from features to logits (B, 1).
        features: Tensor of shape (B, F).
        points: Points of the quadrature.

    Returns:
        Tensor of shape (B, F).

    References:
        [Sundararajan et al., 2017](https://arxiv.org/abs/1703.01365)
    """
    tf = require("tensorflow", "recipes")
    nodes, weights = np.polynomial.legendre.leggauss(points)
    alphas = ((nodes + 1) / 2).astype("float32")[None, :, None]
    scaled = tf.reshape(alphas * features[:, None], [-1, features.shape[1]])
    with tf.GradientTape() as tape:
        tape.watch(scaled)
        logits = head(scaled, training=False)
    slopes = tf.reshape(tape.gradient(logits, scaled), [-1, points, features.shape[1]])
    mean = tf.einsum("bpf,p->bf", slopes, (weights / 2).astype("float32"))
    return features * mean


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A whole model, its columns, its labels and its threshold."""

    model: keras.Model
    columns: list[Column]
    negative: str
    positive: str
    threshold: float

    @classmethod
    def kept(cls, found: FinishedRun) -> "Classifier":
        """The classifier of a finished run."""
        threshold = found.directory.metrics["validation"]["threshold"]
        columns = [Column(**column) for column in found.known["columns"]]
        names = found.known["negative"], found.known["positive"]
        return cls(found.model, columns, *names, threshold)

    def logits(self, rows: Rows) -> np.ndarray:
        """The logit of the positive label for each row; shape (B,)."""
        return in_batches(lambda batch: self.model(tensors(batch))["logit"][:, 0], rows)

    def probabilities(self, rows: Rows) -> np.ndarray:
        """The probability of the positive label for each row; shape (B,)."""
        return in_batches(
            lambda batch: self.model(tensors(batch))["probability"][:, 0], rows
        )

    def label(self, probability: float) -> str:
        """The label that a probability stands for."""
        return self.positive if probability >= self.threshold else self.negative

    @property
    def mean_logit(self) -> float:
        """The logit of the mean row: what the contributions start from."""
        head = self.model.get_layer("head")
        return float(
            ops.convert_to_numpy(head(ops.zeros((1, head.input_shape[1]))))[0, 0]
        )

    def contributions(self, rows: Rows) -> np.ndarray:
        """What each column adds to the logit, against the mean row.

        Returns:
            Array of shape (B, columns); a row sums to its logit less `mean_logit`.
        """
        return in_batches(lambda batch: self.explain(tensors(batch)), rows)

    def explain(self, inputs: dict[str, Tensor]) -> Tensor:
        """The contributions as a tensor, from tensors: a part of a graph."""
        features, head = (self.model.get_layer(n) for n in ("features", "head"))
        owners = feature_columns(features, self.columns)
        of_feature = integrated_gradients(head, features(inputs))
        return of_feature @ np.eye(len(self.columns), dtype="float32")[owners]
