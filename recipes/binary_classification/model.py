"""The classification recipe's model: from raw columns to a probability.

A *member* is a linear path and a small hidden layer side by side. Each of the
members of an ensemble is held out from other rows, and all are trained at once.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_seq.extras import require
from recipes.binary_classification.features import (
    build_features,
    feature_columns,
    in_batches,
    tensors,
)
from recipes.binary_classification.table import Column

MEMBERS = 10
DROPOUT = 0.5
HIDDEN_L2 = 3.0  # penalty on the hidden layer, as a multiple of the linear path's
LEARNING_RATE = 5e-3


def build_classifier(config, rows):
    """Compiled model from raw rows to the members' logits (B, members, 1).

    logit = wᵀ x + vᵀ tanh(W x + b) + c, with weights of its own for each member, x
    the features that `build_features` makes. With v = 0, as it starts, a member is a
    logistic regression; l2 / 2 · (|w|² + 3 |v|² + 3 |W|²), spread over the rows, is
    added to the loss, so that it leaves the straight line only for a reason.
    """
    features = build_features(rows)
    members = _build_members(config, features.output_shape[1], len(rows))
    logits = members(features(features.input))
    model = keras.Model(features.input, logits, name="training")
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.BinaryCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=[
            keras.metrics.BinaryCrossentropy("nats", from_logits=True),
        ],
        jit_compile=False,
    )
    return model


def _build_members(config, width, rows):
    trained_on = rows * (1 - 1 / MEMBERS)
    # The loss is a mean over rows and members.
    l2 = config.l2 / (2 * trained_on * MEMBERS)
    linear_l2, hidden_l2 = (keras.regularizers.L2(x) for x in (l2, HIDDEN_L2 * l2))
    features = keras.Input((width,), name="features")
    x = keras.layers.RepeatVector(MEMBERS)(features)
    linear = keras.layers.EinsumDense(
        "bmf,mfo->bmo",
        (MEMBERS, 1),
        bias_axes="mo",
        kernel_initializer="zeros",
        kernel_regularizer=linear_l2,
        name="linear",
    )(x)
    hidden = keras.layers.EinsumDense(
        "bmf,mfh->bmh",
        (MEMBERS, config.units),
        bias_axes="mh",
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
        kernel_regularizer=hidden_l2,
        name="hidden",
    )(x)
    hidden = keras.layers.Dropout(DROPOUT)(hidden)
    bent = keras.layers.EinsumDense(
        "bmh,mho->bmo",
        (MEMBERS, 1),
        kernel_initializer="zeros",
        kernel_regularizer=hidden_l2,
        name="bent",
    )(hidden)
    logits = keras.layers.Add()([linear, bent])
    return keras.Model(features, logits, name="members")


def calibrated(model, slope, bias):
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


def integrated_gradients(head, features, points=16):
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

    def logits(self, rows):
        """The logit of the positive label for each row; shape (B,)."""
        return in_batches(lambda batch: self.model(tensors(batch))["logit"][:, 0], rows)

    def probabilities(self, rows):
        """The probability of the positive label for each row; shape (B,)."""
        return in_batches(
            lambda batch: self.model(tensors(batch))["probability"][:, 0], rows
        )

    def label(self, probability):
        """The label that a probability stands for."""
        return self.positive if probability >= self.threshold else self.negative

    @property
    def mean_logit(self):
        """The logit of the mean row: what the contributions start from."""
        head = self.model.get_layer("head")
        return float(
            ops.convert_to_numpy(head(ops.zeros((1, head.input_shape[1]))))[0, 0]
        )

    def contributions(self, rows):
        """What each column adds to the logit, against the mean row.

        Returns:
            Array of shape (B, columns); a row sums to its logit less `mean_logit`.
        """
        return in_batches(lambda batch: self.explain(tensors(batch)), rows)

    def explain(self, inputs):
        """The contributions as a tensor, from tensors: a part of a graph."""
        features, head = (self.model.get_layer(n) for n in ("features", "head"))
        owners = feature_columns(features, self.columns)
        of_feature = integrated_gradients(head, features(inputs))
        return of_feature @ np.eye(len(self.columns), dtype="float32")[owners]
