"""From raw columns to features, inside the classification recipe's model."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seq.extras import require
from keras_seq.typing import Tensor
from recipes.binary_classification.dates import PARTS, repeating, repeating_of
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
class CalendarParts(keras.layers.Layer):
    """What repeats in dates, one-hot: months, weekdays, hours.

    Args:
        parts: List of (index of the input's column, part, value), one an output; the
            parts are those of `dates.PARTS`.

    Input of shape (B, D), seconds since 1970; output (B, parts), 0 where missing.
    """

    def __init__(self, parts: list[list[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = parts

    def call(self, numbers: Tensor) -> Tensor:
        columns = {column for column, _, _ in self.parts}
        found = {column: repeating(numbers[:, column]) for column in columns}
        same = [found[column][part] == value for column, part, value in self.parts]
        return ops.cast(ops.stack(same, axis=1), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "parts": self.parts}


@keras.saving.register_keras_serializable(package="recipes")
class OneHot(keras.layers.Layer):
    """Categories, one-hot, all columns by one table.

    Args:
        columns: Indices of the input's columns that are used.
        vocabularies: For each of them a list of categories. Where UNKNOWN is among
            them, it stands for all that aren't; else these are 0 throughout.

    Input of shape (B, D), strings; output (B, categories of all vocabularies).
    """

    def __init__(
        self, columns: list[int], vocabularies: list[list[str]], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.columns, self.vocabularies = columns, vocabularies
        keys = [
            f"{column}\n{category}"
            for column, some in zip(columns, vocabularies, strict=True)
            for category in some
        ]
        self._table = keras.layers.StringLookup(vocabulary=keys)
        places = {key: place for place, key in enumerate(keys, start=1)}
        self._otherwise = [places.get(f"{c}\n{UNKNOWN}", 0) for c in columns]

    def call(self, strings: Tensor) -> Tensor:
        tf = require("tensorflow", "recipes")
        used = tf.gather(strings, self.columns, axis=1)
        prefixes = tf.constant([[f"{column}\n" for column in self.columns]])
        prefixes = tf.broadcast_to(prefixes, tf.shape(used))
        keys = tf.strings.join([prefixes, used])
        found = tf.cast(self._table(keys), tf.int32)
        found = tf.where(found == 0, [self._otherwise], found)
        count = tf.shape(found)[0]
        rows = tf.broadcast_to(tf.range(count)[:, None], tf.shape(found))
        places = tf.reshape(tf.stack([rows, found], axis=-1), [-1, 2])
        ones = tf.ones([tf.size(found)], self.compute_dtype)
        size = 1 + sum(map(len, self.vocabularies))
        return tf.scatter_nd(places, ones, [count, size])[:, 1:]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.built = True

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, int]:
        return input_shape[0], sum(map(len, self.vocabularies))

    def get_config(self) -> dict[str, Any]:
        names = ("columns", "vocabularies")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="recipes")
class Standardise(keras.layers.Layer):
    """(x - mean) / scale, in the precision of the input.

    Keras's own takes scales below 1e-7 for nothing.

    Args:
        mean: A number for each column.
        scale: A number above 0 for each column.
    """

    def __init__(self, mean: list[float], scale: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mean, self.scale = mean, scale

    def call(self, x: Tensor) -> Tensor:
        mean, scale = (
            ops.convert_to_tensor([values], dtype=self.compute_dtype)
            for values in (self.mean, self.scale)
        )
        # What no row of the training was near to must not overflow float32.
        return ops.clip((x - mean) / scale, -1e30, 1e30)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mean": self.mean, "scale": self.scale}


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

    A number is standardised, in float64, and softly limited; its median stands in
    where it is missing, and an indicator says so. Of a date the month, the weekday and
    the hour are categories too. A category is one-hot, less the mean and times 2; a
    missing one is a category of its own. Rare values are one category together, as
    unknown ones are then; where none is rare, an unknown one is no category. What is
    constant in the rows is left out.

    Args:
        rows: `Rows`, the training rows.

    Returns:
        Keras model from a dict of "numbers" (B, n) and "strings" (B, c) to (B, F).

    Raises:
        ValueError: If nothing varies in the rows.
    """
    numbers = keras.Input((rows.numbers.shape[1],), dtype="float64", name="numbers")
    strings = keras.Input((rows.strings.shape[1],), dtype="string", name="strings")
    missing = np.isnan(rows.numbers)
    columns, medians = [], []
    for i, values in enumerate(rows.numbers.T):
        known = values[~np.isnan(values)].astype("float64")
        if len(known) and known.min() < known.max():
            columns.append(i)
            medians.append(float(np.median(known)))
    indicated = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)).tolist()
    exact = {"dtype": "float64"}
    parts = [FillMissing(columns, medians, indicated, name="filled", **exact)(numbers)]
    if calendar := _calendar(rows):
        parts.append(CalendarParts(calendar, name="calendar", **exact)(numbers))
    vocabularies = {j: _vocabulary(values) for j, values in enumerate(rows.strings.T)}
    if vocabularies := {j: some for j, some in vocabularies.items() if some}:
        one_hot = OneHot(
            [*vocabularies],
            [*vocabularies.values()],
            name="categories",
            dtype="float32",
        )
        parts.append(one_hot(strings))
    encoded = parts[0]
    if len(parts) > 1:
        encoded = keras.layers.Concatenate(**exact)(parts)
    encoder = keras.Model({"numbers": numbers, "strings": strings}, encoded)
    if not encoded.shape[1]:
        raise ValueError(
            "nothing varies in the training rows: all columns are constant."
        )
    mean, variance = _moments(encoder, rows)
    # Scaling a rare category to the variance 1 would make it louder than all else.
    variance[len(columns) :] = 0.25
    scale = np.sqrt(variance)
    normalized = Standardise(
        mean.tolist(), np.where(scale > 0, scale, 1.0).tolist(), name="scaled", **exact
    )(encoded)
    # The layer casts what it is given: digits that are lost now tell nothing.
    features = SoftLimit(name="limited", dtype="float32")(normalized)
    return keras.Model(encoder.input, features, name="features")


def _moments(encoder: keras.Model, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each feature, in float64, a batch held at a time."""
    count, width = len(rows), encoder.output_shape[1]

    def total(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        found = np.zeros(width)
        for start in range(0, count, ROWS_AT_ONCE):
            batch = tensors(rows.take(slice(start, start + ROWS_AT_ONCE)))
            values = ops.convert_to_numpy(encoder(batch)).astype("float64")
            found += function(values).sum(axis=0)
        return found / count

    mean = total(lambda values: values)
    return mean, total(lambda values: (values - mean) ** 2)


def _calendar(rows: Rows) -> list[list[Any]]:
    """The parts of dates that vary in the rows, each as `CalendarParts` takes it."""
    found: list[list[Any]] = []
    for column in rows.dates:
        for part, values in repeating_of(rows.numbers[:, column]).items():
            counts = [(value, int((values == value).sum())) for value in PARTS[part]]
            some = [value for value, n in counts if n >= FEWEST_OF_A_CATEGORY]
            if sum(n > 0 for _, n in counts) > 1:
                found += [[column, part, float(value)] for value in some]
    return found


def _vocabulary(values: np.ndarray) -> list[str]:
    """The frequent values, most frequent first, and UNKNOWN first if there are others.

    None if there is only one.
    """
    names, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]
    frequent = [str(names[i]) for i in order if counts[i] >= FEWEST_OF_A_CATEGORY]
    if len(names) < 2 or not frequent:
        return []
    return [UNKNOWN, *frequent] if len(frequent) < len(names) else frequent


def feature_columns(features: keras.Model, columns: list[Column]) -> np.ndarray:
    """Which column each feature is made of, as indices into `columns`; shape (F,)."""
    numbers = [i for i, column in enumerate(columns) if column.kind != "category"]
    strings = [i for i, column in enumerate(columns) if column.kind == "category"]
    filled = features.get_layer("filled")
    owners = [numbers[i] for i in (*filled.columns, *filled.indicated)]
    names = [layer.name for layer in features.layers]
    if "calendar" in names:
        parts = features.get_layer("calendar").parts
        owners += [numbers[column] for column, _, _ in parts]
    if "categories" in names:
        one_hot = features.get_layer("categories")
        for column, some in zip(one_hot.columns, one_hot.vocabularies, strict=True):
            owners += [strings[column]] * len(some)
    return np.array(owners)


def in_batches(
    function: Callable[..., Tensor], rows: Rows, *others: np.ndarray
) -> np.ndarray:
    """A function's results for all rows, as an array, some rows at a time; with what
    belongs to them in other arrays.
    """
    parts = [
        slice(start, start + ROWS_AT_ONCE)
        for start in range(0, len(rows), ROWS_AT_ONCE)
    ]
    return np.concatenate(
        [
            ops.convert_to_numpy(
                function(rows.take(part), *(other[part] for other in others))
            )
            for part in parts
        ]
    )
