"""The classification recipe's settings and its table."""

import collections
import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from keras_seq.runs import check_settings
from keras_seq.training import assign_folds
from recipes.binary_classification.sources import BREAST_CANCER, breast_cancer, csv_file
from recipes.binary_classification.table import Column, Rows

OUT = "runs/binary_classification"
FOLDS = 5
FEWEST = 15  # different rows of each class: ten members need ten of two thirds
QUICK_ROWS = 600
EXAMPLES = 5  # in messages


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = BREAST_CANCER
    """Table to learn from: breast-cancer (scikit-learn's), or a CSV file."""
    label: str | None = None
    """Column of the CSV file that holds the two labels."""
    positive: str | None = None
    """Label whose probability is predicted. By default the rarer one; of two as
    frequent, the one that sorts last."""
    delimiter: str | None = None
    """Character between the fields of the CSV file. By default it is found."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the split, the folds, the weights, the order and the dropout."""
    epochs: int | None = None
    """Passes over the training rows at most: training stops when the rows held out
    are predicted no better. By default 60; 8 with `quick`."""
    units: int = 32
    """Hidden units of each network of the ensemble."""
    l2: float = 1.0
    """Penalty on the squares of the weights: 1 / C of scikit-learn's logistic
    regression."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: both classes weigh the same in training, however rare one is."""
    threshold: Literal["youden", "f1"] = "youden"
    """What the threshold maximises on rows held out: youden, sensitivity +
    specificity - 1; f1, the harmonic mean of precision and sensitivity."""
    false_negative_cost: float | None = None
    """What a missed positive costs if a false alarm costs 1: the threshold then
    minimises the cost."""
    quick: bool = False
    """A minute to see that all works: few rows, short training, fewer folds."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units"),
            above_0=("l2", "false_negative_cost"),
            seeds=("seed",),
        )
        if self.data == BREAST_CANCER:
            if self.label is not None:
                raise ValueError(
                    f"`label` is for a CSV file, not {BREAST_CANCER}; received "
                    f"{self.label!r}."
                )
        elif self.label is None:
            raise ValueError("`label` must name the column of the labels (--label).")
        path = Path(self.data)
        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=str(path.resolve()) if path.exists() else self.data,
            epochs=self.epochs or (8 if self.quick else 60),
        )


@dataclasses.dataclass(frozen=True)
class Data:
    """A table and its split; labels are 1 for `positive`, 0 for `negative`."""

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

    def keep_columns(self, run):
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "columns": [dataclasses.asdict(column) for column in self.columns],
            "negative": self.negative,
            "positive": self.positive,
        }
        run.keep_known("columns.json", known, self.name)

    def description(self):
        """What metrics.json says of the data."""
        kinds = collections.Counter(column.kind for column in self.columns)
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "test": len(self.test),
            "number_columns": kinds["number"],
            "category_columns": kinds["category"],
            "negative": self.negative,
            "positive": self.positive,
            "positive_share": float(self.labels.mean()),
            "duplicate_rows": len(self.rows) - self.rows.different,
            "notes": self.notes,
            "terms": self.terms,
        }


def load_data(config):
    """Reads the table, tells what it is, and splits it."""
    if config.data == BREAST_CANCER:
        read = breast_cancer()
    else:
        try:
            read = csv_file(config)
        except (OSError, ValueError) as error:
            raise ValueError(f"--data: {error}") from error
    columns, rows, texts, lines, notes = (
        read[name] for name in ("columns", "rows", "labels", "lines", "notes")
    )
    negative, positive = _classes(texts, lines, config)
    labels = (np.array(texts) == positive).astype(int)
    if config.quick and len(labels) > QUICK_ROWS:
        chosen = np.random.default_rng(config.seed).permutation(len(labels))
        chosen = np.sort(chosen[:QUICK_ROWS])
        rows, labels, lines = rows.take(chosen), labels[chosen], lines[chosen]
    groups, repeated = _groups(rows, labels)
    _check_enough(labels, groups, (negative, positive), config)
    notes += repeated
    folds = assign_folds(labels, groups, FOLDS, config.seed)
    print(
        f"{read['name']}: {len(labels)} rows, {labels.mean():.1%} {positive!r} "
        f"(positive), the others {negative!r}"
    )
    for kind in ("number", "category"):
        names = [column.name for column in columns if column.kind == kind]
        print(f"columns of kind {kind}: {', '.join(names) or 'none'}")
    for note in notes:
        print(f"note: {note}")
    return Data(
        name=read["name"],
        digest=read["digest"],
        terms=read["terms"],
        columns=columns,
        rows=rows,
        labels=labels,
        lines=lines,
        negative=negative,
        positive=positive,
        notes=notes,
        groups=groups,
        train=np.flatnonzero(folds > 0),
        test=np.flatnonzero(folds == 0),
    )


def _classes(texts, lines, config):
    """The negative and the positive label."""
    counts = collections.Counter(texts)
    if len(counts) != 2:
        rarest = sorted(counts, key=lambda text: (counts[text], text))[:EXAMPLES]
        found = ", ".join(
            f"{text!r} ({counts[text]}, first in line {lines[texts.index(text)]})"
            for text in rarest
        )
        more = ", ..." if len(counts) > EXAMPLES else ""
        raise ValueError(
            f"--data: the label {config.label!r} must have two values; it has "
            f"{len(counts)}, the rarest {found}{more}."
        )
    positive = config.positive
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


def _check_enough(labels, groups, names, config):
    _, first = np.unique(groups, return_index=True)
    for label, name in enumerate(names):
        count = int((labels[first] == label).sum())
        if count < FEWEST:
            raise ValueError(
                f"--data {config.data!r} must have at least {FEWEST} different rows "
                f"of each class; it has {count} of {name!r}."
            )


def _groups(rows, labels):
    """A number for each row, the same for rows to keep together; notes on repeats."""
    groups = rows.duplicate_groups()
    seen = collections.defaultdict(set)
    for group, label in zip(groups.tolist(), labels.tolist(), strict=True):
        seen[group].add(label)
    duplicates = len(labels) - len(seen)
    if not duplicates:
        return groups, []
    both = sum(len(found) == 2 for found in seen.values())
    note = f"{duplicates} rows repeat another; {both} of the repeated have both labels."
    if duplicates <= len(labels) / 2:
        return groups, [f"{note} Equal rows stay on one side of every split."]
    # A few categories have few combinations: equal rows are other observations.
    return np.arange(len(labels)), [
        f"{note} As they are the more, they count as observations of their own, and "
        "may be on both sides of a split."
    ]
