"""What a table's target is: two classes, more, several labels at once, or a number."""

import collections
import dataclasses
import re
from typing import Any, Literal, TypeAlias

import numpy as np

from keras_seq.extras import require
from keras_seq.runs import RunDirectory
from keras_seq.text import one_spelling
from keras_seq.training import assign_folds
from recipes.binary_classification.columns import LOST, Field, columns_of
from recipes.binary_classification.data import FOLDS, grouped, tell_columns
from recipes.binary_classification.hints import spellings
from recipes.binary_classification.leaks import SURE, giveaways_of_classes, warnings_of
from recipes.binary_classification.numerals import numeral, read_as, writing_of
from recipes.binary_classification.settings import Config
from recipes.binary_classification.sources import (
    FEWEST,
    SEPARATORS,
    Table,
    separator_of,
    split_labels,
)
from recipes.binary_classification.table import Column, Rows

Kind: TypeAlias = Literal["classes", "labels", "number"]

MOST_CLASSES = 200
MOST_NUMBERS = 10  # different whole numbers that are classes rather than a number
BINS = 5  # of a number, which every part has its share of
EXAMPLES = 5
_UNIT = re.compile(r".*[(\[]([^()\[\]]{1,30})[)\]]\s*")


def kind_of(table: Table, config: Config) -> tuple[Kind | Literal["binary"], str]:
    """What the target is: "binary", "classes", "labels" or "number"; and why."""
    if config.target_kind is not None:
        return config.target_kind, "as asked for"
    values = collections.Counter(table.labels)
    if len(values) <= 2 or config.positive is not None:
        return "binary", ""
    numerals = [numeral(text) for text in values]
    numbers = {read_as(n, table.decimal, n.unit) for n in numerals if n is not None}
    if None not in numerals and (
        len(numbers) > MOST_NUMBERS or any(n is None or n % 1 for n in numbers)
    ):
        return "number", f"it has {len(numbers)} different numbers"
    if len(values) - len(one_spelling(values, [])) <= 2:
        return "binary", ""  # or spelt so: which is refused
    if None not in numerals:
        return "classes", f"it has {len(values)} different whole numbers"
    separator = separator_of(table.labels)
    if separator:
        return "labels", f"{separator!r} is between its labels"
    return "classes", f"it has {len(values)} different values"


@dataclasses.dataclass(frozen=True)
class TargetData:
    """A table whose target isn't one of two classes, and its split.

    Attributes:
        kind: "classes", "labels" or "number".
        names: Of the classes or labels; empty for a number.
        unit: Of a number, as the header or the fields have it; or "".
        targets: Of classes integers (N,); of labels 0 and 1 (N, labels), of a number
            float64 (N,).
        table: The table.
        groups: A number for each row, the same for rows that stay together.
        train: Indices of the rows to learn from.
        test: Indices of the others.
        notes: How it was read.
    """

    kind: Kind
    names: list[str]
    unit: str
    targets: np.ndarray
    table: Table
    groups: np.ndarray
    train: np.ndarray
    test: np.ndarray
    notes: list[str]

    @classmethod
    def of(cls, table: Table, kind: Kind, why: str, config: Config) -> "TargetData":
        """The table with its target understood, split so that what is alike stays
        together; ValueError if there is too little of something.
        """
        names, unit, targets, notes = _understood(table, kind, config)
        note = f"the target {config.label!r} is read as {_WORDS[kind]}: {why}"
        notes = [
            f"{note}. `target_kind` overrules that.",
            *notes,
            *table.notes,
        ]
        codes = strata(kind, targets)
        groups, repeated = grouped(table.rows, codes)
        if len(np.unique(groups)) < 2 * FEWEST:
            raise ValueError(
                f"--data {config.data!r} must have at least {2 * FEWEST} different "
                f"rows; it has {len(np.unique(groups))}."
            )
        _check_enough(kind, names, targets, groups, config)
        notes[1:1] = told_by_one(table, kind, targets)
        folds = assign_folds(codes, groups, FOLDS, config.seed)
        return cls(
            kind,
            names,
            unit,
            targets,
            table,
            groups,
            np.flatnonzero(folds > 0),
            np.flatnonzero(folds == 0),
            notes + repeated,
        )

    @property
    def rows(self) -> Rows:
        """The rows as the model reads them."""
        return self.table.rows

    @property
    def columns(self) -> list[Column]:
        """The columns that are used."""
        return self.table.columns

    def keep_columns(self, run: RunDirectory) -> None:
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.table.digest,
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "kind": self.kind,
            "names": self.names,
            "unit": self.unit,
        }
        run.keep_known("columns.json", known, self.table.name)

    def tell(self) -> None:
        """Prints what there is."""
        print(f"{self.table.name}: {len(self.rows)} rows; {self.summary()}")
        tell_columns(self.columns, self.notes)

    def summary(self) -> str:
        """The target in a line."""
        if self.kind == "number":
            low, middle, high = np.quantile(self.targets, [0, 0.5, 1])
            unit = f" {self.unit}" if self.unit else ""
            return f"a number from {low:g} to {high:g}{unit}, median {middle:g}"
        counts = (
            self.targets.sum(axis=0)
            if self.kind == "labels"
            else np.bincount(self.targets, minlength=len(self.names))
        )
        order = np.argsort(-counts, kind="stable")
        shown = ", ".join(f"{counts[i]} {self.names[i]!r}" for i in order[:20])
        return f"{len(self.names)} {self.kind}: {shown}{', ...' * (len(order) > 20)}"

    def description(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        kinds = collections.Counter(column.kind for column in self.columns)
        return {
            "name": self.table.name,
            "digest": self.table.digest,
            "target_kind": self.kind,
            "names": self.names,
            "unit": self.unit,
            "train": len(self.train),
            "test": len(self.test),
            "number_columns": kinds["number"],
            "date_columns": kinds["date"],
            "category_columns": kinds["category"],
            "duplicate_rows": len(self.rows) - self.rows.different,
            "notes": self.notes,
            "terms": self.table.terms,
        }


def told_by_one(table: Table, kind: Kind, targets: np.ndarray) -> list[str]:
    """Warnings of columns that give the target away by themselves."""
    if kind == "classes":
        found = giveaways_of_classes(table.columns, table.rows, targets)
        return [f"Warning: {text}" for text in warnings_of(found)]
    if kind == "labels":
        return []
    rankdata = require("scipy.stats", "recipes").rankdata
    numeric = [column for column in table.columns if column.kind != "category"]
    names = []
    for column, values in zip(numeric, table.rows.numbers.T, strict=True):
        known = ~np.isnan(values)
        if known.sum() > len(known) / 2 and len(np.unique(values[known])) > BINS:
            ranks = rankdata(values[known]), rankdata(targets[known])
            if abs(np.corrcoef(*ranks)[0, 1]) > SURE:
                names.append(column.name)
    return [
        f"Warning: the column {name!r} orders the rows as the target does: is it known "
        "before the target is?"
        for name in names
    ]


def strata(kind: str, targets: np.ndarray) -> np.ndarray:
    """A class for each row, of which every part of a split gets its share."""
    if kind == "classes":
        return targets
    if kind == "number":
        edges = np.quantile(targets, np.linspace(0, 1, BINS + 1)[1:-1])
        codes = np.searchsorted(np.unique(edges), targets, side="right")
    else:
        # The rarest label that a row has: the others find their places by chance.
        counts = targets.sum(axis=0)
        rarest = np.where(targets == 1, counts, len(targets) + 1).argmin(axis=1)
        codes = np.where(targets.any(axis=1), rarest + 1, 0)
    while True:  # small ones can't be in all parts
        found, counts = np.unique(codes, return_counts=True)
        order = found[np.argsort(counts, kind="stable")]
        if len(found) == 1 or counts.min() >= 2 * FEWEST:
            return codes
        codes = np.where(codes == order[0], order[1], codes)


_WORDS = {
    "classes": "classes, one for each row",
    "labels": "labels, several for a row",
    "number": "a number",
}


def _understood(
    table: Table, kind: Kind, config: Config
) -> tuple[list[str], str, np.ndarray, list[str]]:
    """Names, unit, targets and notes."""
    if kind == "number":
        return _number(table, config)
    if kind == "classes":
        counts = collections.Counter(table.labels)
        if len(counts) < 2:
            raise ValueError(
                f"--data: the target {config.label!r} must have two classes at least; "
                f"it has {len(counts)}."
            )
        _refuse_spellings(counts, table, config)
        names = _ordered(list(counts))
        place = {name: i for i, name in enumerate(names)}
        notes = [f"the target {config.label!r}: {note}" for note in spellings(counts)]
        return names, "", np.array([place[text] for text in table.labels]), notes
    separator = separator_of(table.labels) or next(
        (c for c in SEPARATORS if any(c in text for text in table.labels)),
        SEPARATORS[0],
    )
    rows = [split_labels(text, separator) for text in table.labels]
    seen = collections.Counter(name for row in rows for name in row)
    _refuse_spellings(seen, table, config)
    names = sorted(seen)
    rare = [name for name in names if seen[name] < FEWEST]
    kept = [name for name in names if name not in rare]
    place = {name: i for i, name in enumerate(kept)}
    targets = np.zeros((len(rows), len(kept)), int)
    for i, row in enumerate(rows):
        targets[i, [place[name] for name in row if name in place]] = 1
    notes = []
    if rare:
        shown = ", ".join(map(repr, rare[:EXAMPLES])) + ", ..." * (len(rare) > EXAMPLES)
        notes.append(
            f"{len(rare)} labels that come in fewer than {FEWEST} rows are left out: "
            f"{shown}."
        )
    return kept, "", targets, notes


def _number(
    table: Table, config: Config
) -> tuple[list[str], str, np.ndarray, list[str]]:
    name = config.label or ""
    lines = table.lines.tolist()
    field = Field.of(name, table.labels, lines)
    found, notes = columns_of([field], table.decimal)
    column = found[0] if found else None
    # A target that numbers the rows, or is a date, is a number all the same.
    if column is None or column.kind != "number":
        writing = writing_of(field.counts, field.numerals, table.decimal)
        column = Column(name, "number", writing.decimal, writing.unit)
        notes = []
    values = [column.number(text) for text in table.labels]
    wrong = [i for i, value in enumerate(values) if value is None or value != value]
    if wrong:
        raise ValueError(
            f"--data: {table.name}:{lines[wrong[0]]}: expected {column.expected}, the "
            f"target {name!r}; received {table.labels[wrong[0]]!r}. "
            f"{len(wrong)} rows have none."
        )
    targets = np.array(values, "float64")
    if targets.min() == targets.max():
        raise ValueError(
            f"--data: the target {name!r} must vary; it is {targets[0]:g} in every row."
        )
    header = _UNIT.fullmatch(name)
    unit = column.unit or (header[1].strip() if header else "")
    if targets.std() < LOST * abs(targets.mean()):
        notes.append(
            f"the target {name!r} varies by {targets.std():.3g} around "
            f"{targets.mean():.9g}: what is predicted, in 32 bits, loses digits. "
            "Subtract something first."
        )
    return [], unit, targets, [note for note in notes if "identifier" not in note]


def _ordered(names: list[str]) -> list[str]:
    """Names of classes, numbers by their size."""
    numbers = {name: numeral(name) for name in names}
    if all(number is not None for number in numbers.values()):
        return sorted(names, key=lambda n: (getattr(numbers[n], "point", None) or 0, n))
    return sorted(names)


def _refuse_spellings(
    counts: collections.Counter[str], table: Table, config: Config
) -> None:
    notes: list[str] = []
    if one_spelling(counts, notes):
        raise ValueError(
            f"--data: {table.name}: expected one spelling of each value of the target "
            f"{config.label!r}; {notes[0].replace(': they are one', '')}: write them "
            "alike."
        )


def _check_enough(
    kind: Kind,
    names: list[str],
    targets: np.ndarray,
    groups: np.ndarray,
    config: Config,
) -> None:
    _, first = np.unique(groups, return_index=True)
    if kind == "number":
        return
    some = targets[first]
    if kind == "labels":
        counts = some.sum(axis=0)
    else:
        counts = np.bincount(some, minlength=len(names))
    if not len(names) or len(names) > MOST_CLASSES:
        raise ValueError(
            f"--data: the target {config.label!r} must have at most {MOST_CLASSES} "
            f"{kind}; it has {len(names)}. A number is asked for by `target_kind`."
        )
    if kind == "labels":
        counts = np.minimum(counts, len(some) - counts)
    order = np.argsort(counts, kind="stable")[:EXAMPLES]
    if counts.min() < FEWEST:
        shown = ", ".join(f"{names[i]!r} ({counts[i]})" for i in order)
        raise ValueError(
            f"--data {config.data!r} must have at least {FEWEST} different rows of "
            f"each of the {len(names)} {kind}"
            f"{', and as many without it' if kind == 'labels' else ''}; the rarest are "
            f"{shown}."
        )
