"""The classification recipe's table: its labels, and what stays together."""

import collections
import dataclasses
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seq.runs import RunDirectory
from keras_seq.text import one_spelling
from keras_seq.training import assign_folds
from recipes.binary_classification.leaks import giveaways, warnings_of
from recipes.binary_classification.numerals import numeral
from recipes.binary_classification.settings import BREAST_CANCER, Config
from recipes.binary_classification.sources import (
    FEWEST,
    Table,
    breast_cancer,
    table_file,
)
from recipes.binary_classification.table import Column, Rows

FOLDS = 5
QUICK_ROWS = 600
EXAMPLES = 5  # in messages
NAMED = 50  # columns, or notes, on the terminal


@dataclasses.dataclass(frozen=True)
class Data:
    """A table and its split; labels are 1 for `positive`, 0 for `negative`.

    `notes` say how it was read, `warnings` what makes the figures look better than
    they will be.
    """

    name: str
    digest: str
    terms: str
    columns: list[Column]
    rows: Rows
    labels: np.ndarray
    lines: np.ndarray
    negative: str
    positive: str
    notes: list[str]
    groups: np.ndarray
    train: np.ndarray
    test: np.ndarray
    warnings: list[str] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, table: Table, names: tuple[str, str], config: Config) -> "Data":
        """A table split, so that what is alike stays together."""
        negative, positive = names
        labels = (np.array(table.labels) == positive).astype(int)
        groups, repeated = grouped(table.rows, labels)
        _check_enough(labels, groups, names, config)
        folds = assign_folds(labels, groups, FOLDS, config.seed)
        return cls(
            name=table.name,
            digest=table.digest,
            terms=table.terms,
            columns=table.columns,
            rows=table.rows,
            labels=labels,
            lines=table.lines,
            negative=negative,
            positive=positive,
            notes=table.notes + repeated,
            groups=groups,
            train=np.flatnonzero(folds > 0),
            test=np.flatnonzero(folds == 0),
            warnings=warnings_of(giveaways(table.columns, table.rows, labels)),
        )

    def keep_columns(self, run: RunDirectory) -> None:
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "negative": self.negative,
            "positive": self.positive,
        }
        run.keep_known("columns.json", known, self.name)

    def tell(self) -> None:
        """Prints what there is."""
        print(
            f"{self.name}: {len(self.labels)} rows, {self.labels.mean():.1%} "
            f"{self.positive!r} (positive), the others {self.negative!r}"
        )
        tell_columns(self.columns, self.notes)
        for warning in self.warnings:
            print(f"warning: {warning}")

    def description(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        kinds = collections.Counter(column.kind for column in self.columns)
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "test": len(self.test),
            "number_columns": kinds["number"],
            "date_columns": kinds["date"],
            "category_columns": kinds["category"],
            "negative": self.negative,
            "positive": self.positive,
            "positive_share": float(self.labels.mean()),
            "duplicate_rows": len(self.rows) - self.rows.different,
            "notes": self.notes,
            "warnings": self.warnings,
            "terms": self.terms,
        }


def read_table(config: Config) -> Table:
    """The table that the settings name."""
    if config.data == BREAST_CANCER:
        return breast_cancer()
    try:
        return table_file(config)
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error


def shortened(table: Table, config: Config) -> Table:
    """Some rows of a large table, drawn at random, for a quick run."""
    count = len(table.rows)
    if not config.quick or count <= QUICK_ROWS:
        return table
    chosen = np.random.default_rng(config.seed).permutation(count)
    chosen = np.sort(chosen[:QUICK_ROWS])
    return table._replace(
        rows=table.rows.take(chosen),
        labels=[table.labels[i] for i in chosen],
        lines=table.lines[chosen],
    )


def two_classes(table: Table, config: Config) -> Data:
    """The data of a table whose target is one of two classes, told and split."""
    names = classes(table, config)  # the negative one first
    data = Data.of(shortened(table, config), names, config)
    data.tell()
    return data


def classes(table: Table, config: Config) -> tuple[str, str]:
    """The negative and the positive label."""
    texts, lines = table.labels, table.lines
    counts = collections.Counter(texts)
    if len(counts) != 2:
        rarest = sorted(counts, key=lambda text: (counts[text], text))[:EXAMPLES]
        found = ", ".join(
            f"{text!r} ({counts[text]}, first in line {lines[texts.index(text)]})"
            for text in rarest
        )
        more = ", ..." if len(counts) > EXAMPLES else ""
        what = ""
        spelt: list[str] = []
        if one_spelling(counts, spelt):
            what = f" {spelt[0].replace(': they are one', '')}: write them alike."
        elif len(counts) > 2:
            numbers = all(numeral(text) is not None for text in counts)
            what = " `target_kind` says what else they may be: classes" + (
                ", or a number." if numbers else ", or several labels a row."
            )
        raise ValueError(
            f"--data: the label {config.label!r} must have two values; it has "
            f"{len(counts)}, the rarest {found}{more}.{what}"
        )
    positive = config.positive and unicodedata.normalize("NFC", config.positive)
    if positive is None:
        largest = max(counts.values())
        positive = max(counts, key=lambda text: (largest - counts[text], text))
    elif positive not in counts:
        raise ValueError(
            f"`positive` must be one of the labels {sorted(counts)}; received "
            f"{positive!r}."
        )
    [negative] = counts.keys() - {positive}
    return negative, positive


def _check_enough(
    labels: np.ndarray, groups: np.ndarray, names: tuple[str, str], config: Config
) -> None:
    _, first = np.unique(groups, return_index=True)
    for label, name in enumerate(names):
        count = int((labels[first] == label).sum())
        if count < FEWEST:
            raise ValueError(
                f"--data {config.data!r} must have at least {FEWEST} different rows "
                f"of each class; it has {count} of {name!r}."
            )


def grouped(rows: Rows, labels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """A number for each row, the same for rows to keep together; notes on repeats."""
    groups = rows.duplicate_groups()
    seen = collections.defaultdict(set)
    for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
        seen[group].add(label)
    duplicates = len(labels) - len(seen)
    if not duplicates:
        return groups, []
    both = sum(len(found) > 1 for found in seen.values())
    note = f"{duplicates} rows repeat another; {both} of the repeated have both labels."
    if duplicates <= len(labels) / 2:
        return groups, [f"{note} Equal rows stay on one side of every split."]
    # A few categories have few combinations: equal rows are other observations.
    return np.arange(len(labels)), [
        f"{note} As they are the more, they count as observations of their own, and "
        "may be on both sides of a split."
    ]


def tell_columns(columns: Sequence[Column], notes: Sequence[str]) -> None:
    """Prints the columns by their kind, and what is to be known of them."""
    for kind in ("number", "date", "category"):
        names = [column.name for column in columns if column.kind == kind]
        more = f", and {len(names) - NAMED} more" if len(names) > NAMED else ""
        print(f"columns of kind {kind}: {', '.join(names[:NAMED]) or 'none'}{more}")
    for note in notes[:NAMED]:
        print(f"note: {note}")
    if len(notes) > NAMED:
        print(f"note: {len(notes) - NAMED} more, all in the report")
