"""The classification recipe's model: from raw columns to a probability.

A *member* is a linear path and a small hidden layer side by side. Each of the
members of an ensemble is held out from other rows, and all are trained at once.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_seq._extras import require
from recipes._classification_table import Column

MEMBERS = 10
DROPOUT = 0.3
HIDDEN_L2 = 3.0  # penalty on the hidden layer, as a multiple of the linear path's
LEARNING_RATE = 5e-3
FEWEST_OF_A_CATEGORY = 3  # rows; rarer values are as unknown ones
MOST_CATEGORIES = 100
UNKNOWN = "\n"  # no field of a table: fields are stripped
ROWS_AT_ONCE = 1024


@keras.saving.register_keras_serializable(package="recipes")
class FillMissing(keras.layers.Layer):
    """Puts medians where numbers are missing, and says where they were.

    Args:
        columns: Indices of the input's columns that are used.
        medians: A number for each of them.
        indicated: Indices of the columns that get an indicator, 1 where missing.

    Input of shape (B, D), output (B, columns + indicated).
    """

    def __init__(self, columns, medians, indicated, **kwargs):
        super().__init__(**kwargs)
        self.columns, self.medians, self.indicated = columns, medians, indicated

    def call(self, numbers):
        used = ops.take(numbers, np.array(self.columns, "int32"), axis=1)
        medians = ops.convert_to_tensor([self.medians], dtype=self.compute_dtype)
        filled = ops.where(ops.isnan(used), medians, used)
        shown = ops.take(numbers, np.array(self.indicated, "int32"), axis=1)
        indicators = ops.cast(ops.isnan(shown), self.compute_dtype)
        return ops.concatenate([filled, indicators], axis=1)

    def get_config(self):
        names = ("columns", "medians", "indicated")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="recipes")
class SoftLimit(keras.layers.Layer):
    """Draws far values near: x up to `limit`, then limit + ln(1 + |x| - limit).

    It keeps signs and order, so that a value a thousand deviations from the mean is
    still the largest, and no longer outweighs all others.

    Args:
        limit: Number above 0, in standard deviations.
    """

    def __init__(self, limit=3.0, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, x):
        beyond = ops.relu(ops.abs(x) - self.limit)
        return ops.sign(x) * (ops.minimum(ops.abs(x), self.limit) + ops.log1p(beyond))

    def get_config(self):
        return {**super().get_config(), "limit": self.limit}


def tensors(rows):
    """Rows as the model takes them."""
    return {
        "numbers": ops.convert_to_tensor(rows.numbers),
        "strings": ops.convert_to_tensor(rows.strings, dtype="string"),
    }


def build_features(rows):
    """Model from raw rows to features with the mean 0, fitted to these rows alone.

    A number is standardised and softly limited; its median stands in where it is
    missing, and an indicator says so. A category is one-hot, less the mean and
    times 2; a missing one is a category of its own, and values that are rare or
    unknown are no category. What is constant in the rows is left out.

    Args:
        rows: `Rows`, the training rows.

    Returns:
        Keras model from a dict of "numbers" (B, n) and "strings" (B, c) to (B, F).

    Raises:
        ValueError: If nothing varies in the rows.
    """
    numbers = keras.Input((rows.numbers.shape[1],), name="numbers")
    strings = keras.Input((rows.strings.shape[1],), dtype="string", name="strings")
    missing = np.isnan(rows.numbers)
    columns, medians = [], []
    for i, values in enumerate(rows.numbers.T):
        known = values[~np.isnan(values)]
        if len(known) and known.min() < known.max():
            columns.append(i)
            medians.append(float(np.median(known)))
    indicated = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)).tolist()
    parts = [FillMissing(columns, medians, indicated, name="filled")(numbers)]
    for j, values in enumerate(rows.strings.T):
        if vocabulary := _vocabulary(values):
            lookup = keras.layers.StringLookup(
                vocabulary=vocabulary,
                oov_token=UNKNOWN,
                output_mode="one_hot",
                name=f"category_{j}",
            )
            parts.append(lookup(strings[:, j])[:, 1:])
    encoded = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    encoder = keras.Model({"numbers": numbers, "strings": strings}, encoded)
    values = in_batches(lambda batch: encoder(tensors(batch)), rows).astype("float64")
    if not values.shape[1]:
        raise ValueError(
            "nothing varies in the training rows: all columns are constant."
        )
    variance = values.var(axis=0)
    # Scaling a rare category to the variance 1 would make it louder than all else.
    variance[len(columns) :] = 0.25
    normalized = keras.layers.Normalization(
        mean=values.mean(axis=0).tolist(), variance=variance.tolist(), name="normalized"
    )(encoded)
    features = SoftLimit(name="limited")(normalized)
    return keras.Model(encoder.input, features, name="features")


def _vocabulary(values):
    """The frequent values, most frequent first; none if there is only one."""
    names, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    frequent = [str(names[i]) for i in order if counts[i] >= FEWEST_OF_A_CATEGORY]
    return frequent if len(names) > 1 else []


def feature_columns(features, columns):
    """Which column each feature is made of, as indices into `columns`; shape (F,)."""
    numbers = [i for i, column in enumerate(columns) if column.kind == "number"]
    strings = [i for i, column in enumerate(columns) if column.kind == "category"]
    filled = features.get_layer("filled")
    owners = [numbers[i] for i in (*filled.columns, *filled.indicated)]
    for layer in features.layers:
        if layer.name.startswith("category_"):
            column = strings[int(layer.name.removeprefix("category_"))]
            owners += [column] * (layer.output.shape[-1] - 1)
    return np.array(owners)


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


def in_batches(function, rows):
    """A function's results for all rows, as an array, some rows at a time."""
    return np.concatenate(
        [
            ops.convert_to_numpy(
                function(rows.take(slice(start, start + ROWS_AT_ONCE)))
            )
            for start in range(0, len(rows), ROWS_AT_ONCE)
        ]
    )
