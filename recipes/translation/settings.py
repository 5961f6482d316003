"""The translation recipe's settings, and what they are where they are left open."""

import dataclasses
from pathlib import Path
from typing import Literal, NamedTuple

import keras_seq
from keras_seq.files import check_encoding, parse_columns
from keras_seq.runs import RunSettings, check_settings, whole_path

OUT = "runs/translation"
TATOEBA = "tatoeba-fra-eng"
DATES = "dates"
FEWEST_SUBWORDS = 261  # 4 marks, 256 bytes and the space
QUICK_SIZES = 128, 600  # units and subwords


class Defaults(NamedTuple):
    """What suits an architecture and its data."""

    vocabulary_size: int
    subword_dropout: float  # where words are split another way in every epoch
    units: int
    layers: int  # of the encoder, and of a transformer's decoder
    dropout: float
    learning_rate: float
    tokens: int  # of both sides, in a training step
    read: int  # pairs, in all epochs together
    epochs: int = 60  # at most
    scored: int = 500  # validation pairs that are translated after every epoch


# Sentences: where the corpus is small. Dates: there is no end of them, and their
# rarest words are abbreviations, which the recurrent model learns best in one piece.
DEFAULTS = {
    "attention": Defaults(
        vocabulary_size=4000,
        subword_dropout=0.1,
        units=512,
        layers=1,
        dropout=0.2,
        learning_rate=2e-3,
        tokens=4096,
        read=700_000,
    ),
    "transformer": Defaults(
        vocabulary_size=4000,
        subword_dropout=0.1,
        units=256,
        layers=4,
        dropout=0.1,
        learning_rate=3e-3,
        tokens=2048,
        read=1_150_000,
        epochs=120,
    ),
}
DATES_DEFAULTS = {
    "attention": Defaults(
        vocabulary_size=8000,
        subword_dropout=0.0,
        units=192,
        layers=1,
        dropout=0.1,
        learning_rate=3e-3,
        tokens=4096,
        read=720_000,
        scored=2000,
    ),
    "transformer": Defaults(
        vocabulary_size=8000,
        subword_dropout=0.1,
        units=256,
        layers=2,
        dropout=0.0,
        learning_rate=2e-3,
        tokens=4096,
        read=960_000,
        scored=2000,
    ),
}
STEP = {"attention": 2, "transformer": 8}  # units are a multiple: of twice the heads


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    data: str = DATES
    """Pairs to learn from: dates (in many languages and styles, to ISO 8601);
    tatoeba-fra-eng (French to English, fetched from manythings.org/anki); a TSV,
    source<TAB>target, which may be a .gz or in a .zip; a table with a header (.csv,
    .tsv, .jsonl, .parquet); SOURCE,TARGET, two files whose lines belong together; a
    folder or .zip with train.tsv, validation.tsv and test.tsv, or such tables, or with
    train.en and train.fr, ...; or hf://NAME[:CONFIG][@SPLIT], of the library datasets.
    """
    columns: str | None = None
    """Of a table: the columns of source and target, by number, from 1, or by name, as
    2,4 or en,fr. By default those that the header calls so, or the first two."""
    encoding: str | None = None
    """Of the files. By default UTF-8."""
    reverse: bool = False
    """Translate from the second column to the first."""
    out: str = OUT
    architecture: Literal["attention", "transformer"] = "attention"
    """attention: a bidirectional LSTM, and an LSTM that attends to it.
    transformer: attention alone."""
    epochs: int | None = None
    """Epochs at most: passes over the training pairs, or several passes each where
    they are few. By default as many as suit their number."""
    units: int | None = None
    """Size of the decoder's state; half of it is the size of the embeddings, and of
    a transformer's layers. By default 512, 192 for dates; 256 for a transformer; 128
    with `quick`. A multiple of 2, of 8 for a transformer."""
    layers: int | None = None
    """Layers of the encoder, and of a transformer's decoder. By default 1; 4 for a
    transformer, 2 for dates."""
    vocabulary_size: int | None = None
    """Ids in a vocabulary of subwords at most; 261 or more. By default 4000; 8000 for
    dates, where the target's are characters; 600 with `quick`. Few pairs get fewer: one
    for every 4 pairs, beside characters and bytes."""
    separate_vocabularies: bool = False
    """Whether source and target have vocabularies and embeddings of their own, as
    they always have for dates."""
    dropout: float | None = None
    """Share of the features that is dropped in training. By default 0.2, 0.1 for
    dates; 0.1 for a transformer, 0 for dates."""
    label_smoothing: float = 0.1
    """Probability that training takes from the right token and gives to all."""
    learning_rate: float | None = None
    """Highest learning rate: it rises to it, then falls. By default 0.002, 0.003 for
    dates; 0.003 for a transformer, 0.002 for dates."""

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units", "layers", "vocabulary_size"),
            shares=("dropout", "label_smoothing"),
            above_0=("learning_rate",),
            seeds=("seed",),
            paths=("data",),
        )
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.columns is not None:
            parse_columns(self.columns, 2)
        if self.data == DATES and self.reverse:
            raise ValueError("`reverse` is not for dates: ISO 8601 has one style.")
        size = self.vocabulary_size
        if size is not None and size < FEWEST_SUBWORDS:
            raise ValueError(
                f"`vocabulary_size` must be at least {FEWEST_SUBWORDS}, for 4 marks, "
                f"256 bytes and the space; received {size!r}."
            )
        step = STEP[self.architecture]
        if self.units is not None and self.units % step:
            raise ValueError(
                f"`units` must be a multiple of {step} for the architecture "
                f"{self.architecture!r}; received {self.units!r}."
            )
        defaults = self.defaults
        sizes = defaults.units, defaults.vocabulary_size
        units, vocabulary_size = QUICK_SIZES if self.quick else sizes
        named = self.data in (DATES, TATOEBA)
        files = [self.data] if named else map(whole_path, files_of(self.data))
        chosen = {
            "data": ",".join(files),
            "units": self.units or units,
            "layers": self.layers or defaults.layers,
            "vocabulary_size": size or vocabulary_size,
            "dropout": defaults.dropout if self.dropout is None else self.dropout,
            "learning_rate": self.learning_rate or defaults.learning_rate,
        }
        return CompleteConfig(**{**vars(self), **chosen})

    @property
    def defaults(self) -> Defaults:
        """What suits the architecture and the data."""
        return (DATES_DEFAULTS if self.data == DATES else DEFAULTS)[self.architecture]

    @property
    def casefold(self) -> bool:
        """Whether the source's case means nothing."""
        return self.data == DATES

    def as_read(self, source: str) -> str:
        """A normalised source as the model reads it."""
        if not self.casefold:
            return source
        return keras_seq.text.normalise(source, casefold=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    units: int
    layers: int
    vocabulary_size: int
    dropout: float
    learning_rate: float

    def complete(self) -> "CompleteConfig":
        """These settings: nothing is open."""
        return self


def files_of(data: str) -> list[str]:
    """The one or two files that `--data` names; their folders may have commas."""
    if Path(data).exists():
        return [data]
    pairs = [
        [data[:place], data[place + 1 :]] for place, c in enumerate(data) if c == ","
    ]
    if len(pairs) > 1:
        pairs = [pair for pair in pairs if all(Path(name).is_file() for name in pair)]
    return pairs[0] if pairs else [data]
