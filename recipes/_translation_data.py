"""The translation recipe's settings and its pairs of sentences."""

import dataclasses
import functools
import itertools
import random
from pathlib import Path
from typing import Literal, NamedTuple

import keras
import numpy as np

from keras_seq.text import (
    END,
    START,
    CharacterVocabulary,
    PairCorpus,
    SubwordVocabulary,
    Vocabulary,
    normalise,
    read_pairs,
    read_two,
    shared_pairs,
    split_pairs,
)
from keras_seq.training import Progress, check_settings, pair_dataset
from recipes._translation_dates import dates

OUT = "runs/translation"
TATOEBA = "tatoeba-fra-eng"
TATOEBA_URL = "https://www.manythings.org/anki/fra-eng.zip"
DATES = "dates"
FEWEST_SUBWORDS = 261  # 4 marks, 256 bytes and the space
FEWEST_PAIRS = 20  # to train on, validate and test
LARGEST_TEST = 1000  # pairs, and of the validation
LONGEST = 200  # tokens of a training sentence
SUBWORD_DROPOUT = 0.1
HELD_OUT = 0.02  # of the pairs of locale and style, which only the test dates have


class Defaults(NamedTuple):
    """What suits an architecture, where the corpus is small."""

    units: int
    step: int  # units are a multiple of it: of 2, or of twice the heads
    dropout: float
    learning_rate: float
    tokens: int  # of both sides, in a training step
    read: int  # pairs, in all epochs together
    epochs: int  # at most


DEFAULTS = {
    "attention": Defaults(512, 2, 0.2, 2e-3, 4096, 700_000, 60),
    "transformer": Defaults(256, 8, 0.1, 3e-3, 2048, 1_150_000, 120),
}


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = DATES
    """Pairs to learn from: dates (in many languages and styles, to ISO 8601);
    tatoeba-fra-eng (French to English, fetched from manythings.org/anki); a TSV,
    source<TAB>target, which may be a .gz or in a .zip; SOURCE,TARGET, two files whose
    lines belong together; or a folder with train.tsv, validation.tsv and test.tsv."""
    reverse: bool = False
    """Translate from the second column to the first."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the split, the weights, the order, the dropout and the subwords."""
    architecture: Literal["attention", "transformer"] = "attention"
    """attention: a bidirectional LSTM, and an LSTM that attends to it.
    transformer: attention alone."""
    epochs: int | None = None
    """Passes over the training pairs at most. By default as many as suit their
    number."""
    units: int | None = None
    """Size of the decoder's state; half of it is the size of the embeddings, and of
    a transformer's layers. By default 512, 256 for a transformer; 192 for dates; 128
    with `quick`. A multiple of 2, of 8 for a transformer."""
    vocabulary_size: int = 4000
    """Ids in a vocabulary of subwords, at least 261. Not for dates."""
    separate_vocabularies: bool = False
    """Whether source and target have vocabularies and embeddings of their own."""
    dropout: float | None = None
    """Share of the features that is dropped in training. By default 0.2; 0.1 for a
    transformer and for dates."""
    label_smoothing: float = 0.1
    """Probability that training takes from the right token and gives to all."""
    learning_rate: float | None = None
    """Highest learning rate: it rises to it, then falls. By default 0.002; 0.003 for
    a transformer and for dates."""
    quick: bool = False
    """A minute to see that all works: few pairs, a small model."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units", "vocabulary_size"),
            shares=("dropout", "label_smoothing"),
            above_0=("learning_rate",),
            seeds=("seed",),
        )
        dates = self.data == DATES
        if dates and self.reverse:
            raise ValueError("`reverse` is not for dates: ISO 8601 has one style.")
        if not dates and self.vocabulary_size < FEWEST_SUBWORDS:
            raise ValueError(
                f"`vocabulary_size` must be at least {FEWEST_SUBWORDS}, for 4 marks, "
                f"256 bytes and the space; received {self.vocabulary_size!r}."
            )
        defaults = DEFAULTS[self.architecture]
        if self.units is not None and self.units % defaults.step:
            raise ValueError(
                f"`units` must be a multiple of {defaults.step} for the architecture "
                f"{self.architecture!r}; received {self.units!r}."
            )
        named = self.data in (DATES, TATOEBA)
        units = 128 if self.quick else 192 if dates else defaults.units
        dropout = 0.1 if dates else defaults.dropout
        learning_rate = 3e-3 if dates else defaults.learning_rate
        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=self.data if named else ",".join(map(_resolved, _names(self.data))),
            units=self.units or units,
            dropout=dropout if self.dropout is None else self.dropout,
            learning_rate=self.learning_rate or learning_rate,
        )


@dataclasses.dataclass(frozen=True)
class Data:
    """The pairs, split by sentence, and the vocabularies of the training pairs."""

    name: str
    digest: str
    terms: str
    train: list
    validation: list
    test: list
    source: Vocabulary
    target: Vocabulary
    epochs: int
    monitor: str
    config: Config
    styles: list | None = None
    shared: int = 0
    """Test pairs with a sentence that the training pairs have too."""

    def ids(self, pair, chance=None):
        """Ids of a pair with their marks; subwords at random with a `chance`."""

        def encode(vocabulary, text):
            if chance is None or not isinstance(vocabulary, SubwordVocabulary):
                return vocabulary.encode(text)
            return vocabulary.encode_sampled(text, chance, dropout=SUBWORD_DROPOUT)

        source, target = (
            encode(vocabulary, text)
            for vocabulary, text in zip((self.source, self.target), pair, strict=True)
        )
        return [*source[:LONGEST], END], [START, *target[:LONGEST], END]

    @functools.cached_property
    def steps_per_epoch(self):
        """Training steps in an epoch, of about as many tokens as suit."""
        total = sum(len(s) + len(t) - 1 for s, t in map(self.ids, self.train))
        return max(1, round(total / DEFAULTS[self.config.architecture].tokens))

    def training_batches(self, first_epoch):
        """Batches of all epochs from one on; every epoch splits words anew."""

        def pairs(epoch):
            chance = random.Random(f"{self.config.seed} {epoch}")
            return [self.ids(pair, chance) for pair in self.train]

        return pair_dataset(
            pairs,
            count=self.steps_per_epoch,
            seed=self.config.seed,
            first_epoch=first_epoch,
        )

    def validation_batches(self):
        """The validation pairs, once."""
        tokens = DEFAULTS[self.config.architecture].tokens
        return pair_dataset([self.ids(pair) for pair in self.validation], tokens)

    def keep_vocabularies(self, run):
        """Writes what the verbs need of the data; refuses data that have changed."""
        known = {
            "digest": self.digest,
            "pairs": [len(self.train), len(self.validation), len(self.test)],
            "source": self.source.to_config(),
            "target": self.target.to_config(),
        }
        run.keep_known("vocabulary.json", known, self.name)

    def description(self):
        """What metrics.json says of the data."""
        return {
            "name": self.name,
            "digest": self.digest,
            "train": len(self.train),
            "validation": len(self.validation),
            "test": len(self.test),
            "test_shared": self.shared,
            "source_vocabulary": len(self.source),
            "target_vocabulary": len(self.target),
            "terms": self.terms,
        }


def _names(data):
    """The one or two files that `--data` names; their folders may have commas."""
    if Path(data).exists():
        return [data]
    pairs = [
        [data[:place], data[place + 1 :]] for place, c in enumerate(data) if c == ","
    ]
    if len(pairs) > 1:
        pairs = [pair for pair in pairs if all(Path(name).is_file() for name in pair)]
    return pairs[0] if pairs else [data]


def _resolved(name):
    return str(Path(name).resolve()) if Path(name).exists() else name


def load_data(config):
    """Reads or writes the pairs, splits them, and fits the vocabularies."""
    if config.data == DATES:
        return _dates(config)
    corpus, parts, terms = _sentences(config)
    train, validation, test = parts
    if config.quick:
        train, validation, test = train[:400], validation[:50], test[:50]
    if min(map(len, (train, validation, test))) < 1 or len(train) < FEWEST_PAIRS:
        raise ValueError(
            f"--data {config.data!r} has {len(train)} training, {len(validation)} "
            f"validation and {len(test)} test pairs; {FEWEST_PAIRS}, 1 and 1 are "
            "needed at least."
        )
    sides = [[pair[side] for pair in train] for side in (0, 1)]
    size = min(config.vocabulary_size, 600) if config.quick else config.vocabulary_size
    shared = len(shared_pairs(test, train))
    if shared:
        print(f"{shared} of {len(test)} test pairs have a sentence that training has")
    if config.separate_vocabularies:
        source, target = (SubwordVocabulary.fit(texts, size=size) for texts in sides)
    else:
        source = target = SubwordVocabulary.fit([*sides[0], *sides[1]], size=size)
    longer = sum(
        max(len(source.encode(s)), len(target.encode(t))) > LONGEST for s, t in train
    )
    if longer:
        print(f"{longer} training pairs are cut off behind {LONGEST} tokens")
    defaults = DEFAULTS[config.architecture]
    epochs = int(np.clip(round(defaults.read / len(train)), 1, defaults.epochs))
    return Data(
        name=corpus.name,
        digest=corpus.digest,
        terms=terms,
        train=train,
        validation=validation,
        test=test,
        source=source,
        target=target,
        epochs=config.epochs or (3 if config.quick else epochs),
        monitor="val_bleu",
        config=config,
        shared=shared,
    )


def _dates(config):
    """Dates written out, no day of which is in two parts."""
    counts = {"train": 240_000, "validation": 2000, "test": 4000}
    if config.quick:
        counts = {"train": 2000, "validation": 100, "test": 100}
    drawn = {
        part: dates(
            count,
            part=part,
            seed=config.seed,
            held_out=HELD_OUT,
            progress=Progress(f"writing dates, {part}"),
        )
        for part, count in counts.items()
    }
    parts = {
        part: [(normalise(date.text), date.iso) for date in found]
        for part, found in drawn.items()
    }
    corpus = PairCorpus(DATES, tuple(itertools.chain(*parts.values())), 0, 0)
    return Data(
        name=DATES,
        digest=corpus.digest,
        terms="Written by this recipe from the Unicode Common Locale Data Repository "
        "(Unicode License), through Babel.",
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        source=CharacterVocabulary.fit(
            (text for text, _ in parts["train"]), min_count=5
        ),
        target=CharacterVocabulary("-0123456789"),
        epochs=config.epochs or (3 if config.quick else 4),
        monitor="val_exact",
        config=config,
        styles=[
            f"{date.style}{', held out' if date.held_out else ''}"
            for date in drawn["test"]
        ],
    )


def _sentences(config):
    """The corpus, its three parts, and its terms."""
    columns = (1, 0) if config.reverse else (0, 1)
    terms = "Those of your file."
    path = Path(config.data)
    try:
        if config.data == TATOEBA:
            path, terms = _fetched(), "CC BY 2.0, the contributors of tatoeba.org."
            columns = columns[::-1]  # the file has English first
        if path.is_dir():
            return _three_files(path, columns, terms)
        names = _names(config.data)
        if len(names) == 2:
            corpus = read_two(*(names[column] for column in columns))
        else:
            corpus = read_pairs(path, columns=columns)
    except (OSError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(corpus.summary())
    pairs = [(normalise(s), normalise(t)) for s, t in corpus.pairs]
    share = min(0.1, LARGEST_TEST / len(pairs))
    try:
        parts = split_pairs(
            pairs, (1 - 2 * share, share, share), seed=config.seed, by="both"
        )
    except ValueError as error:
        raise ValueError(
            f"--data {config.data!r}: {len(pairs)} pairs can't be split into training, "
            f"validation and test: {error}"
        ) from error
    return corpus, parts, terms


def _three_files(folder, columns, terms):
    """A folder with a split of its own."""
    corpora = [
        read_pairs(folder / f"{part}.tsv", columns=columns)
        for part in ("train", "validation", "test")
    ]
    for corpus in corpora:
        print(corpus.summary())
    parts = [
        [(normalise(s), normalise(t)) for s, t in corpus.pairs] for corpus in corpora
    ]
    whole = PairCorpus(
        folder.name, tuple(pair for corpus in corpora for pair in corpus.pairs), 0, 0
    )
    return whole, parts, terms


def _fetched():
    """The file with Tatoeba's pairs, downloaded once."""
    try:
        return Path(
            keras.utils.get_file("fra-eng.zip", TATOEBA_URL, cache_subdir="datasets")
        )
    except Exception as error:  # Keras raises nothing more special
        raise OSError(
            f"{TATOEBA_URL} can't be fetched: {error}. If you have the file, give it "
            "with --data FILE --reverse."
        ) from error
