"""From raw columns to features, inside the classification recipe's model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seq.typing import Tensor
from recipes.binary_classification.table import Column, Rows

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

    def __init__(
        self,
        columns: list[int],
        medians: list[float],
        indicated: list[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.columns, self.medians, self.indicated = columns, medians, indicated

    def call(self, numbers: Tensor) -> Tensor:
        used = ops.take(numbers, np.array(self.columns, "int32"), axis=1)
        medians = ops.convert_to_tensor([self.medians], dtype=self.compute_dtype)
        filled = ops.where(ops.isnan(used), medians, used)
        shown = ops.take(numbers, np.array(self.indicated, "int32"), axis=1)
        indicators = ops.cast(ops.isnan(shown), self.compute_dtype)
        return ops.concatenate([filled, indicators], axis=1)

    def get_config(self) -> dict[str, Any]:
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

    def __init__(self, limit: float = 3.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, x: Tensor) -> Tensor:
        beyond = ops.relu(ops.abs(x) - self.limit)
        return ops.sign(x) * (ops.minimum(ops.abs(x), self.limit) + ops.log1p(beyond))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "limit": self.limit}


def tensors(rows: Rows) -> dict[str, Tensor]:
    """Rows as the model takes them."""
    return {
        "numbers": ops.convert_to_tensor(rows.numbers),
        "strings": ops.convert_to_tensor(rows.strings, dtype="string"),
    }


def build_features(rows: Rows) -> keras.Model:
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


def _vocabulary(values: np.ndarray) -> list[str]:
    """The frequent values, most frequent first; none if there is only one."""
    names, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    frequent = [str(names[i]) for i in order if counts[i] >= FEWEST_OF_A_CATEGORY]
    return frequent if len(names) > 1 else []


def feature_columns(features: keras.Model, columns: list[Column]) -> np.ndarray:
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


def in_batches(function: Callable[[Rows], Tensor], rows: Rows) -> np.ndarray:
    """A function's results for all rows, as an array, some rows at a time."""
    return np.concatenate(
        [
            ops.convert_to_numpy(
                function(rows.take(slice(start, start + ROWS_AT_ONCE)))
            )
            for start in range(0, len(rows), ROWS_AT_ONCE)
        ]
    )
