"""The next-word recipe's settings."""

import dataclasses
from typing import Literal

from keras_seq.files import check_encoding, parse_columns
from keras_seq.runs import RunSettings, check_settings, whole_path

OUT = "runs/next_word"
PYDOC, SHAKESPEARE = "pydoc", "tinyshakespeare"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    out: str = OUT
    data: str = PYDOC
    """Texts to learn from: pydoc (what Python's help() knows of the language);
    tinyshakespeare; a text file; a folder or .zip of .txt files, in which train, valid
    and test name the parts; or a table (.csv, .tsv, .jsonl, .parquet) with a text in
    each row; or hf://NAME[:CONFIG][@SPLIT], of the library datasets. A text file may be
    a .gz."""
    columns: str | None = None
    """Of a table: the column of the texts, by number, from 1, or by name. By default
    the one that the header calls text, review, ..."""
    encoding: str | None = None
    """Of the files. By default UTF-8."""
    level: Literal["word", "subword"] = "word"
    """word: rare words are unknown. subword: words are made of pieces, and none is
    unknown."""
    epochs: int | None = None
    """Epochs at most: passes over the training texts, or several passes each where
    they are short. By default as many as read 2 million tokens, 40 at most; 3 with
    `quick`."""
    units: int | None = None
    """Units of an LSTM layer; half of it is the size of the embeddings. By default
    512; 64 with `quick`."""
    layers: int = 1
    """Number of LSTM layers."""
    dropout: float = 0.4
    """Share of inputs, outputs and entries of the recurrent kernel that is dropped in
    training, the same at all steps of a window; and four times the share of the
    words."""
    min_count: int = 3
    """Words that the training texts have less often are unknown."""
    batch_size: int | None = None
    """Streams that are read side by side. By default 20; 8 with `quick`."""
    window: int = 40
    """Steps that gradients go back at most; the state goes on from window to window."""
    learning_rate: float = 2e-3
    """Highest learning rate: it rises to it, then falls on half a cosine."""

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "layers", "min_count", "batch_size", "window"),
            shares=("dropout",),
            above_0=("learning_rate",),
            seeds=("seed",),
        )
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.columns is not None:
            parse_columns(self.columns, 1)
        if self.units is not None and self.units < 2:
            raise ValueError(f"`units` must be at least 2; received {self.units!r}.")
        chosen = {
            "data": whole_path(self.data, (PYDOC,)),
            "epochs": self.epochs or (3 if self.quick else None),
            "units": self.units or (64 if self.quick else 512),
            "batch_size": self.batch_size or (8 if self.quick else 20),
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    units: int
    batch_size: int
