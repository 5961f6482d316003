"""What a served table's requests consist of: a column an input, or two matrices."""

import dataclasses
import functools
import keyword
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.serving import RequestRows
from keras_seq.typing import Tensor
from recipes.binary_classification.dates import graph_seconds, text_of
from recipes.binary_classification.numerals import MISSING
from recipes.binary_classification.table import Column, Rows

ROWS = 1024  # of a request
FARTHEST = 1e30  # a number from 0
CHARACTERS = 1000  # of a category or a date
WIDE = 100  # columns; a graph of more inputs takes minutes to make and to load


def served_names(columns: Sequence[Column]) -> list[str]:
    """A name that a server takes for each column: ASCII letters, digits and "_"."""
    taken: dict[str, None] = {}
    lower: set[str] = set()
    for number, column in enumerate(columns, start=1):
        name = re.sub("[^A-Za-z0-9]+", "_", column.name).strip("_")
        if not re.match("[A-Za-z]", name):
            name = f"column_{number}_{name}".strip("_")
        while name.lower() in lower or keyword.iskeyword(name):
            name += f"_{number}"
        taken[name] = None
        lower.add(name.lower())
    return list(taken)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The inputs of a signature.

    Up to WIDE columns each is an input by its name; of more, `numbers` (B, n) has
    those of numbers and `texts` (B, m) the others, each in the order of the table.
    """

    columns: list[Column]

    @property
    def wide(self) -> bool:
        """Whether the inputs are matrices."""
        return len(self.columns) > WIDE

    @functools.cached_property
    def numbers(self) -> dict[str, Column]:
        """The columns of numbers, by their names."""
        return {n: c for n, c in self._named.items() if c.kind == "number"}

    @functools.cached_property
    def texts(self) -> dict[str, Column]:
        """The columns of dates and categories, by their names."""
        return {n: c for n, c in self._named.items() if c.kind != "number"}

    @functools.cached_property
    def _named(self) -> dict[str, Column]:
        return dict(zip(served_names(self.columns), self.columns, strict=True))

    @property
    def _parts(self) -> dict[str, dict[str, Column]]:
        some = {"numbers": self.numbers, "texts": self.texts}
        return {name: columns for name, columns in some.items() if columns}

    def specs(self) -> dict[str, Any]:
        """A `tf.TensorSpec` for each input."""
        tf = require("tensorflow", "recipes")
        if not self.wide:
            return {
                name: tf.TensorSpec([None], c.dtype if c.kind == "number" else "string")
                for name, c in self._named.items()
            }
        kinds = {"numbers": self._dtype, "texts": "string"}
        return {
            name: tf.TensorSpec([None, len(columns)], kinds[name])
            for name, columns in self._parts.items()
        }

    @property
    def _dtype(self) -> str:
        return str(np.result_type("float32", *(c.dtype for c in self.numbers.values())))

    def notes(self) -> dict[str, str]:
        """What each input means."""
        if not self.wide:
            return {n: f"{c.name!r}: {_meaning(c)}" for n, c in self._named.items()}
        return {
            part: "; ".join(f"{c.name!r}: {_meaning(c)}" for c in columns.values())
            for part, columns in self._parts.items()
        }

    def limits(self) -> dict[str, int]:
        """The limits of a request."""
        texts = ["texts"] if self.wide and self.texts else self.texts
        return {"rows": ROWS, **dict.fromkeys(texts, CHARACTERS)}

    def request(self, rows: Rows) -> dict[str, list]:
        """A request with these rows, as JSON has it."""
        numbers, strings = iter(rows.numbers.T), iter(rows.strings.T)
        columns: dict[str, list] = {}
        for name, column in self._named.items():
            if column.kind == "category":
                columns[name] = next(strings).tolist()
            elif column.kind == "date":
                columns[name] = [text_of(v, column.form) for v in next(numbers)]
            else:
                # JSON has no NaN, so a warm-up request has a number.
                values = np.nan_to_num(next(numbers)).astype(column.dtype)
                columns[name] = values.tolist()
        if not self.wide:
            return columns
        return {
            part: [list(row) for row in zip(*(columns[n] for n in some), strict=True)]
            for part, some in self._parts.items()
        }

    def read(self, given: dict[str, Tensor], *, strict: bool) -> Any:
        """The checked rows of a request, and what the model reads of them.

        Args:
            given: The inputs.
            strict: Whether a row that can't be answered fails its batch.

        Returns:
            `RequestRows`, and the dict of "numbers" and "strings".
        """
        tf = require("tensorflow", "recipes")
        asked = RequestRows(
            {name: given[name] for name in self.specs()}, rows=ROWS, strict=strict
        )
        self._check_numbers(asked)
        self._check_texts(asked)
        numbers, texts = self._matrix(asked, "numbers"), self._matrix(asked, "texts")
        texts = _as_read(texts)
        dates = []
        for i, (name, column) in enumerate(self.texts.items()):
            if column.kind == "date":
                field = texts[:, i]
                if column.strays:
                    known = tf.reduce_any(field[:, None] == [column.strays], axis=1)
                    field = tf.where(known, "", field)
                dates.append(graph_seconds(field, column.form))
                asked.refuse(
                    tf.math.is_nan(dates[-1]) & (field != ""),
                    f"{name} must be a time written {column.form}, or empty; received ",
                    field,
                )
        if dates:
            # As the table has them: dates stand between the numbers.
            order = [c.kind == "date" for c in self.columns if c.kind != "category"]
            places = np.argsort(np.argsort(order, kind="stable"), kind="stable")
            whole = tf.concat([numbers, tf.stack(dates, 1)], axis=1)
            numbers = tf.gather(whole, places, axis=1)
        kinds = [column.kind for column in self.texts.values()]
        categories = [i for i, kind in enumerate(kinds) if kind == "category"]
        strings = tf.gather(texts, tf.constant(categories, tf.int32), axis=1)
        return asked, {"numbers": numbers, "strings": strings}

    def _matrix(self, asked: RequestRows, part: str) -> Tensor:
        """The columns of numbers in float64, or the others, side by side."""
        tf = require("tensorflow", "recipes")
        dtype = tf.float64 if part == "numbers" else tf.string
        if part not in self._parts:
            return tf.fill(
                [tf.size(asked.good), 0],
                tf.constant("" if dtype == tf.string else 0, dtype),
            )
        if self.wide:
            return tf.cast(asked[part], dtype)
        return tf.stack([tf.cast(asked[n], dtype) for n in self._parts[part]], axis=1)

    def _check_numbers(self, asked: RequestRows) -> None:
        tf = require("tensorflow", "recipes")
        if self.numbers:
            numbers = self._matrix(asked, "numbers")
            wrong = tf.abs(numbers) > FARTHEST  # NaN is a missing one
            column = tf.argmax(wrong, axis=1)
            asked.refuse(
                tf.reduce_any(wrong, axis=1),
                tf.gather(tf.constant(list(self.numbers)), column),
                f" must be in [-{FARTHEST:g}, {FARTHEST:g}], or NaN; received ",
                tf.gather(numbers, column, batch_dims=1),
            )

    def _check_texts(self, asked: RequestRows) -> None:
        tf = require("tensorflow", "recipes")
        if not self.wide:
            asked.text(*self.texts, characters=CHARACTERS)
        elif self.texts:
            must = f"texts must have at most {CHARACTERS} characters each; received "
            size = tf.reduce_max(tf.strings.length(asked["texts"]), axis=1)
            asked.refuse(size > 4 * CHARACTERS, must, size, " bytes")
            text = tf.strings.unicode_transcode(asked["texts"], "UTF-8", "UTF-8")
            asked.replace("texts", text)
            count = tf.reduce_max(tf.strings.length(text, unit="UTF8_CHAR"), axis=1)
            asked.refuse(count > CHARACTERS, must, count)


def _meaning(column: Column) -> str:
    if column.kind == "category":
        return f"a category, at most {CHARACTERS} characters, empty if missing"
    if column.kind == "date":
        return f"a time written {column.form}, empty if missing"
    unit = f" in {column.unit}" if column.unit else ""
    return f"a number{unit}, at most {FARTHEST:g} from 0, NaN if missing"


def _as_read(strings: Tensor) -> Tensor:
    """Texts as the table reader has them: stripped, empty where missing."""
    tf = require("tensorflow", "recipes")
    strings = tf.strings.strip(strings)
    words = tf.constant(sorted(MISSING))
    same = tf.strings.lower(strings)[..., None] == words
    return tf.where(tf.reduce_any(same, axis=-1), "", strings)
