"""The sentiment recipe's settings and its texts."""

import collections
import dataclasses
from pathlib import Path
from typing import Literal

import numpy as np

from keras_seq.extras import require
from keras_seq.runs import check_settings
from keras_seq.text import LabelledCorpus, decoded_lines, normalise, read_labelled
from keras_seq.training import assign_folds

OUT = "runs/sentiment"
NLTK_CORPORA = {"rt-polarity": "sentence_polarity", "movie-reviews": "movie_reviews"}
TESTED = 10  # a tenth of the texts, where the files aren't split
FEWEST = 20  # different texts of each label
QUICK_TEXTS = 400
READ = 8_000_000  # tokens, by all members in all epochs together
EPOCHS = (2, 5)
MEMBERS = 5
VOCABULARY = 8000  # subwords at most
RAREST = 2  # how often a word of the vocabulary comes at least


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = "rt-polarity"
    """Texts to learn from: rt-polarity or movie-reviews (fetched by NLTK); a TSV,
    label<TAB>text, which may be a .gz or in a .zip; or a folder or .zip with a folder
    for each label (also in train/ and test/), a file for each label (texts.pos,
    texts.neg), or train.tsv and test.tsv."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the split, the weights, the order, the dropout and the subwords."""
    level: Literal["subword", "word"] = "subword"
    """What the LSTM reads."""
    vectors: str | None = None
    """File of word vectors (GloVe, word2vec's text format) that the embeddings start
    from, for `--level word`."""
    pretrain: int = 0
    """Epochs in which the LSTM first learns to predict the next token and the one
    before, on the training texts and the unlabelled ones."""
    unlabelled: str | None = None
    """File with a text in each line, for `--pretrain`."""
    ngrams: bool = True
    """Whether n-grams of words and of characters add to the logits beside the LSTM."""
    members: int | None = None
    """How many LSTMs are trained, each held out from other texts; their logits are
    averaged. By default 1 to 5, as few texts need more; 2 with `quick`."""
    epochs: int | None = None
    """Passes of each LSTM over the training texts. By default 2 to 5, as few texts
    need more."""
    units: int | None = None
    """Units of the LSTM in each direction. By default 128; 32 with `quick`."""
    dropout: float = 0.5
    """Share of the features that is dropped in training."""
    quick: bool = False
    """A minute to see that all works: few texts, a small model."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units", "members"),
            shares=("dropout",),
            seeds=("seed", "pretrain"),
        )
        if self.vectors is not None and self.level != "word":
            raise ValueError(
                f"`vectors` needs `level` 'word'; received {self.level!r}."
            )
        if self.unlabelled is not None and not self.pretrain:
            raise ValueError("`unlabelled` needs `pretrain` of at least 1; received 0.")
        if self.members is not None and self.members > TESTED:
            raise ValueError(
                f"`members` must be at most {TESTED}; received {self.members!r}."
            )

        for name in ("vectors", "unlabelled"):
            given = getattr(self, name)
            if given is not None and not Path(given).is_file():
                raise ValueError(f"`{name}` must be a file; received {given!r}.")

        def whole(name):
            # From another folder, a relative path would name another file.
            return str(Path(name).resolve()) if name and Path(name).exists() else name

        return dataclasses.replace(
            self,
            data=whole(self.data),
            vectors=whole(self.vectors),
            unlabelled=whole(self.unlabelled),
            units=self.units or (32 if self.quick else 128),
            members=self.members or (2 if self.quick else None),
            epochs=self.epochs or (2 if self.quick else None),
        )


@dataclasses.dataclass(frozen=True)
class Part:
    """Texts and their labels, as indices."""

    texts: list[str]
    labels: np.ndarray
    places: list[str]
    groups: np.ndarray

    def __len__(self):
        return len(self.texts)

    def take(self, chosen):
        """The texts with these indices."""
        chosen = np.asarray(chosen, int)
        return Part(
            [self.texts[i] for i in chosen],
            self.labels[chosen],
            [self.places[i] for i in chosen],
            self.groups[chosen],
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

    def description(self):
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


def load_data(config):
    """Reads the texts, tells what they are, and splits them."""
    corpus, terms = _corpus(config)
    print(corpus.summary())
    _check_labels(corpus, config)
    labels = corpus.labels
    parts = _parts(corpus, labels)
    notes = [line.strip() for line in corpus.summary().splitlines()[1:]]
    read = len(notes)
    train, validation, test = (parts[name] for name in ("train", "validation", "test"))
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
    unlabelled = _unlabelled(config, validation, test, notes)
    for note in notes[read:]:
        print(f"note: {note}")
    return Data(corpus, terms, labels, train, validation, test, unlabelled, notes)


def _corpus(config):
    """The texts and their terms."""
    try:
        if config.data in NLTK_CORPORA:
            path = _fetched(NLTK_CORPORA[config.data])
            return read_labelled(path), "CC BY 4.0, Bo Pang and Lillian Lee."
        return read_labelled(config.data), "Those of your file."
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error


def _fetched(name):
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


def _check_labels(corpus, config):
    """Refuses labels that are so rare that they look like a slip."""
    seen = collections.defaultdict(list)
    for text in corpus.texts:
        seen[text.label].append(text.place)
    for label, places in sorted(seen.items(), key=lambda item: len(item[1])):
        if len(places) < FEWEST:
            raise ValueError(
                f"--data {config.data!r} must have at least {FEWEST} different texts "
                f"of each label; {label!r} has {len(places)}, the first at {places[0]}."
                f" Labels: {_shown(seen)}."
            )


def _parts(corpus, labels):
    """The parts; the test None where the files aren't split."""
    index = {label: i for i, label in enumerate(labels)}
    groups: dict[str, int] = {}
    rows = collections.defaultdict(list)
    split = any(text.part == "test" for text in corpus.texts)
    for text in corpus.texts:
        group = groups.setdefault(text.text.casefold(), len(groups))
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
    return {**parts, "test": parts["test"] if split else None}


def _shown(labels, most=20):
    names = [
        repr(label if len(label) <= 40 else f"{label[:37]}...") for label in labels
    ]
    names.sort()
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _without(part, other, what, notes):
    """The texts of a part that are not in another, too; a note of how many are."""
    known = set(other.groups.tolist())
    kept = [i for i, group in enumerate(part.groups.tolist()) if group not in known]
    if len(kept) == len(part):
        return part
    notes.append(f"{len(part) - len(kept)} {what} too: only the latter are kept.")
    return part.take(kept)


def _unlabelled(config, validation, test, notes):
    """The unlabelled texts, but none that the model is judged by."""
    if config.unlabelled is None:
        return []
    try:
        path = Path(config.unlabelled)
        lines = decoded_lines(path.name, path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"--unlabelled: {error}") from error
    texts = [text for line in lines if (text := normalise(line))]
    known = {text.casefold() for text in (*validation.texts, *test.texts)}
    kept = [text for text in texts if text.casefold() not in known]
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


def _few(part, count, seed):
    """Some of the texts, drawn at random, but enough of each label."""
    order = np.random.default_rng(seed).permutation(len(part))
    labels = part.labels[order]
    rank = np.zeros(len(order), int)  # among those of its label
    for label in np.unique(labels):
        rank[labels == label] = np.arange((labels == label).sum())
    chosen = (np.arange(len(order)) < count) | (rank < count * FEWEST // QUICK_TEXTS)
    return part.take(np.sort(order[chosen]))


def _check_enough(train, labels, config, fewest):
    # Folds are made of groups, whose label is that of their first text.
    _, first = np.unique(train.groups, return_index=True)
    counts = np.bincount(train.labels[first], minlength=len(labels))
    if counts.min() < fewest:
        raise ValueError(
            f"--data {config.data!r} must have at least {fewest} texts of each label "
            "to learn from, which differ in more than case and have no other label; "
            f"{labels[counts.argmin()]!r} has {counts.min()}."
        )
