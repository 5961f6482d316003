"""The sentiment recipe's texts: read, and split so that none is in two parts."""

import collections
import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_seq.extras import require
from keras_seq.runs import reading
from keras_seq.text import (
    LabelledCorpus,
    duplicate_hash,
    normalise,
    parse_columns,
    read_labelled,
    read_lines,
)
from keras_seq.training import assign_folds
from recipes.sentiment.reviews import written_reviews
from recipes.sentiment.settings import NLTK_CORPORA, TESTED, WRITTEN, Config

FEWEST = 20  # different texts of each label
QUICK_TEXTS = 2000


@dataclasses.dataclass(frozen=True)
class Part:
    """Texts and their labels, as indices."""

    texts: list[str]
    labels: np.ndarray
    places: list[str]
    groups: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: ArrayLike) -> "Part":
        """The texts with these indices."""
        rows = np.asarray(chosen, int)
        return Part(
            [self.texts[i] for i in rows],
            self.labels[rows],
            [self.places[i] for i in rows],
            self.groups[rows],
        )


@dataclasses.dataclass(frozen=True)
class Data:
    """The texts, split so that none is in two parts."""

    corpus: LabelledCorpus
    terms: str
    labels: list[str]
    train: Part
    validation: Part
    test: Part
    unlabelled: list[str]
    notes: list[str]

    def known(self) -> dict[str, str]:
        """By what a run knows its data again."""
        return {"digest": self.corpus.digest}

    def description(self) -> dict[str, Any]:
        """What metrics.json says of the data."""
        counts = np.bincount(self.train.labels, minlength=len(self.labels))
        return {
            "name": self.corpus.name,
            "digest": self.corpus.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "labels": dict(zip(self.labels, counts.tolist(), strict=True)),
            "notes": self.notes,
            "terms": self.terms,
        }


def split(corpus: LabelledCorpus, config: Config) -> tuple[Part, Part, Part, list[str]]:
    """The training, validation and test texts, and notes of what was left out."""
    labels = corpus.labels
    parts = _parts(corpus, labels)
    train, validation = parts["train"], parts["validation"]
    test = parts.get("test")
    notes: list[str] = []
    groups = np.concatenate([part.groups for part in parts.values()])
    if alike := len({text.text for text in corpus.texts}) - len(set(groups.tolist())):
        notes.append(
            f"{alike} texts are another but for case, space or punctuation: they stay "
            "together."
        )
    if test is not None:
        validation = _without(
            validation, test, "validation texts are test texts", notes
        )
        train = _without(train, test, "training texts are test texts", notes)
    train = _without(train, validation, "training texts are validation texts", notes)
    _check_enough(train, labels, config, FEWEST if test is None else TESTED)
    if config.quick:
        train = _few(train, QUICK_TEXTS, config.seed)
        validation = _few(validation, QUICK_TEXTS // TESTED, config.seed)
    if test is None:
        folds = assign_folds(train.labels, train.groups, TESTED, config.seed)
        train, test = (train.take(np.flatnonzero(c)) for c in (folds > 0, folds == 0))
    elif config.quick:
        test = _few(test, QUICK_TEXTS // TESTED, config.seed)
    return train, validation, test, notes


def read_texts(config: Config) -> tuple[LabelledCorpus, str]:
    """The texts, each label of which comes often enough; and their terms."""
    try:
        if config.data == WRITTEN:
            corpus = written_reviews(seed=config.seed)
            terms = "None: the recipe writes them itself."
        elif config.data in NLTK_CORPORA:
            corpus = read_labelled(_fetched(NLTK_CORPORA[config.data]))
            terms = "CC BY 4.0, Bo Pang and Lillian Lee."
        else:
            columns = None
            if config.columns is not None:
                label, text = parse_columns(config.columns, 2)
                columns = label, text
            corpus = read_labelled(
                config.data, columns=columns, encoding=config.encoding
            )
            terms = "Those of your file."
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(corpus.summary())
    _check_labels(corpus, config)
    return corpus, terms


def _fetched(name: str) -> str:
    """A corpus of NLTK's, downloaded once."""
    nltk = require("nltk", "recipes")
    where = f"corpora/{name}.zip"
    try:
        return nltk.data.find(where).path
    except LookupError:
        if not nltk.download(name, quiet=True):
            raise OSError(
                f"NLTK could not download {name!r}. With a network "
                f"`python -m nltk.downloader {name}` fetches it; or give texts of your "
                "own with --data."
            ) from None
        return nltk.data.find(where).path


def _check_labels(corpus: LabelledCorpus, config: Config) -> None:
    """Refuses labels that are so rare that they look like a slip."""
    seen = collections.defaultdict(list)
    for text in corpus.texts:
        seen[text.label].append(text.place)
    own = 2 * len(seen) > len(corpus)
    hint = " If the label is another column, `columns` says which." if own else ""
    for label, places in sorted(seen.items(), key=lambda item: len(item[1])):
        if len(places) < FEWEST:
            raise ValueError(
                f"--data {config.data!r} must have at least {FEWEST} different texts "
                f"of each label; {label!r} has {len(places)}, the first at {places[0]}."
                f" Labels: {_shown(seen)}.{hint}"
            )


def _parts(corpus: LabelledCorpus, labels: list[str]) -> dict[str, Part]:
    """The parts; no "test" where the files aren't split."""
    index = {label: i for i, label in enumerate(labels)}
    groups: dict[bytes, int] = {}
    rows = collections.defaultdict(list)
    split = any(text.part == "test" for text in corpus.texts)
    for text in corpus.texts:
        group = groups.setdefault(duplicate_hash(text.text), len(groups))
        part = text.part if split or text.part == "validation" else "train"
        rows[part or "train"].append((text, group))
    parts = {
        name: Part(
            [text.text for text, _ in rows[name]],
            np.array([index[text.label] for text, _ in rows[name]], int),
            [text.place for text, _ in rows[name]],
            np.array([group for _, group in rows[name]], int),
        )
        for name in ("train", "validation", "test")
    }
    if not split:
        del parts["test"]
    return parts


def _shown(labels: Iterable[str], most: int = 20) -> str:
    names = [
        repr(label if len(label) <= 40 else f"{label[:37]}...") for label in labels
    ]
    names.sort()
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _without(part: Part, other: Part, what: str, notes: list[str]) -> Part:
    """The texts of a part that are not in another, too; a note of how many are."""
    known = set(other.groups.tolist())
    kept = [i for i, group in enumerate(part.groups.tolist()) if group not in known]
    if len(kept) == len(part):
        return part
    notes.append(f"{len(part) - len(kept)} {what} too: only the latter are kept.")
    return part.take(kept)


def read_unlabelled(
    config: Config, judged: tuple[Part, ...], notes: list[str]
) -> list[str]:
    """The unlabelled texts, but none that the model is judged by."""
    if config.unlabelled is None:
        return []
    try:
        name = Path(config.unlabelled).name
        lines = reading(read_lines(config.unlabelled, config.encoding), name)
        texts = [text for line in lines if (text := normalise(line))]
    except (OSError, ValueError) as error:
        raise ValueError(f"--unlabelled: {error}") from error
    known = {duplicate_hash(text) for part in judged for text in part.texts}
    kept = [text for text in texts if duplicate_hash(text) not in known]
    if not kept:
        raise ValueError(
            f"--unlabelled {config.unlabelled!r} must have texts that are no test "
            f"texts; received {len(texts)} texts, none such."
        )
    if len(kept) < len(texts):
        notes.append(
            f"{len(texts) - len(kept)} unlabelled texts are validation or test texts "
            "too: they are not learnt from."
        )
    return kept


def _few(part: Part, count: int, seed: int) -> Part:
    """Some of the texts, drawn at random, but enough of each label."""
    order = np.random.default_rng(seed).permutation(len(part))
    labels = part.labels[order]
    rank = np.zeros(len(order), int)  # among those of its label
    for label in np.unique(labels):
        rank[labels == label] = np.arange((labels == label).sum())
    chosen = (np.arange(len(order)) < count) | (rank < count * FEWEST // QUICK_TEXTS)
    return part.take(np.sort(order[chosen]))


def _check_enough(train: Part, labels: list[str], config: Config, fewest: int) -> None:
    # Folds are made of groups, whose label is that of their first text.
    _, first = np.unique(train.groups, return_index=True)
    counts = np.bincount(train.labels[first], minlength=len(labels))
    if counts.min() < fewest:
        raise ValueError(
            f"--data {config.data!r} must have at least {fewest} texts of each label "
            "to learn from, which differ in more than case or punctuation and have no "
            "other label; "
            f"{labels[counts.argmin()]!r} has {counts.min()}."
        )
