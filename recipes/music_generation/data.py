"""The music recipe's settings and its tunes."""

import dataclasses
from pathlib import Path

import numpy as np

from keras_seq import music
from keras_seq.runs import Progress, check_settings
from keras_seq.text import END, START, CharacterVocabulary

OUT = "runs/music_generation"
FEWEST_TUNES = 20  # to train on, validate and test
LONGEST_TUNE = 2000  # characters


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of a run."""

    data: str = "oneills"
    """Tunes to learn: oneills, ryans, airds, folk (these three), essen (not for
    commercial use); or an ABC file, or a folder of ABC files."""
    out: str = OUT
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of the split, the weights, the order, the dropout and the tunes."""
    epochs: int | None = None
    """Passes over the training tunes at most. By default as many as read 5
    million characters, 24 at most; 8 with `quick`."""
    units: int | None = None
    """Units of an LSTM layer. By default 512; 128 with `quick`."""
    layers: int = 1
    """Number of LSTM layers."""
    dropout: float = 0.4
    """Share of an LSTM layer's outputs that is dropped in training."""
    transpose: float = 0.7
    """Share of the training tunes that is moved to another key, drawn anew in
    every epoch."""
    batch_size: int | None = None
    """Tunes in a training step. By default 8; 4 with `quick`."""
    learning_rate: float = 5e-3
    """Highest learning rate: it rises to it, then falls on half a cosine."""
    temperature: float = 0.7
    """Temperature at which tunes are drawn."""
    quick: bool = False
    """A minute to see that all works: 160 tunes, a small model."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""

    def complete(self):
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("units", "layers", "batch_size", "epochs"),
            shares=("dropout", "transpose"),
            above_0=("learning_rate", "temperature"),
            seeds=("seed",),
        )
        path = Path(self.data)
        return dataclasses.replace(
            self,
            # From another folder, a relative path would name another file.
            data=str(path.resolve()) if path.exists() else self.data,
            epochs=self.epochs or (8 if self.quick else None),
            units=self.units or (128 if self.quick else 512),
            batch_size=self.batch_size or (4 if self.quick else 8),
        )


@dataclasses.dataclass(frozen=True)
class Data:
    """The tunes as documents, split by tune, and what is known about them."""

    corpus: music.Corpus
    train: list[str]
    validation: list[str]
    test: list[str]
    duplicates: int
    vocabulary: CharacterVocabulary
    style: music.HeaderStyle

    def ids(self, document):
        """The token ids of a document between its marks."""
        return [START, *self.vocabulary.encode(document), END]


def load_data(config):
    """Reads, cleans and splits the tunes; settings of one tune stay together."""
    try:
        corpus = music.load_corpus(
            config.data, normalised=True, progress=Progress("reading tunes")
        )
    except (FileNotFoundError, ValueError) as error:
        raise ValueError(f"--data: {error}") from error
    print(f"{corpus.summary()}\nterms: {corpus.terms}")
    tunes = [tune for tune in corpus.texts if len(tune) <= LONGEST_TUNE]
    if config.quick:
        chosen = np.random.default_rng(config.seed).permutation(len(tunes))[:160]
        tunes = [tunes[i] for i in sorted(chosen)]
    if len(tunes) < FEWEST_TUNES:
        raise ValueError(
            f"--data {config.data!r} has {len(tunes)} usable tunes of at most "
            f"{LONGEST_TUNE} characters; {FEWEST_TUNES} are needed at least."
        )
    groups = music.duplicate_groups(tunes)
    parts = music.split_by_group(groups, (0.8, 0.1, 0.1), seed=config.seed)
    train, validation, test = (
        [music.to_document(tunes[i]) for i in part] for part in parts
    )
    return Data(
        corpus=corpus,
        train=train,
        validation=validation,
        test=test,
        duplicates=len(tunes) - len(set(groups)),
        vocabulary=CharacterVocabulary.fit(train, min_count=3),
        style=music.HeaderStyle.fit(train),
    )
