"""The sentiment recipe's settings."""

import dataclasses
from pathlib import Path
from typing import Literal

from keras_seq.files import check_encoding, parse_columns
from keras_seq.runs import RunSettings, check_settings, whole_path

OUT = "runs/sentiment"
WRITTEN = "written-reviews"
NLTK_CORPORA = {"rt-polarity": "sentence_polarity", "movie-reviews": "movie_reviews"}
UNITS = 128
EPOCHS, QUICK_EPOCHS = 10, 6  # where what is read is written, and where it is little
TESTED = 10  # a tenth of the texts, where the files aren't split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    out: str = OUT
    data: str = WRITTEN
    """Texts to learn from: written-reviews, which the recipe writes itself; rt-polarity
    or movie-reviews (fetched by NLTK); a TSV, label<TAB>text, which may be a .gz or in
    a .zip; a table with a header (.csv, .tsv, .jsonl, .parquet); lines of
    __label__LABEL and a text; or a folder or .zip with a folder for each label (also in
    train/ and test/), a file for each label (texts.pos, texts.neg), or train.tsv and
    test.tsv; or hf://NAME[:CONFIG][@SPLIT], of the library datasets."""
    columns: str | None = None
    """Of a table: the columns of label and text, by number, from 1, or by name, as 3,1
    or stars,review. By default those that the header calls so."""
    encoding: str | None = None
    """Of the files. By default UTF-8."""
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
    averaged. By default 1 to 5, as few texts need more; 1 with `quick`; 0 is what
    `plain` says."""
    epochs: int | None = None
    """Epochs of each LSTM: passes over the training texts, or several passes each
    where they are few. By default 2 to 5, as few texts need more; 10 of
    written-reviews, 6 with `quick`."""
    units: int | None = None
    """Units of the LSTM in each direction. By default 128; 32 with `quick`."""
    dropout: float | None = None
    """Share of the features that is dropped in training. By default 0.5; 0.2 of
    written-reviews, whose language is poorer."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: all labels weigh the same in training, however rare some are; the
    probabilities are then those of labels that are as frequent as each other."""
    # It says what `members` says: a run's config.json has that alone.
    plain: dataclasses.InitVar[bool] = False
    """Train the lecture's plain model by itself: embedding, one LSTM, softmax
    cross-entropy on the labels; no n-grams, and none of the other LSTMs. Every other
    run has it for comparison."""

    def __post_init__(self, plain: bool) -> None:
        """Makes of `plain` what it stands for."""
        if plain:
            if self.members:  # for `complete` to refuse, as all bad settings
                object.__setattr__(self, "_beside_plain", self.members)
            object.__setattr__(self, "members", 0)

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        if members := getattr(self, "_beside_plain", None):
            raise ValueError(
                f"`plain` trains no other LSTMs; received {members!r} `members`."
            )
        check_settings(
            self,
            at_least_1=("epochs", "units"),
            shares=("dropout",),
            seeds=("seed", "pretrain", "members"),
            paths=("data",),
        )
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.columns is not None:
            parse_columns(self.columns, 2)
        if self.vectors is not None and self.level != "word":
            raise ValueError(
                f"`vectors` needs `level` 'word'; received {self.level!r}."
            )
        if self.unlabelled is not None and not self.pretrain:
            raise ValueError("`unlabelled` needs `pretrain` of at least 1; received 0.")
        if self.pretrain and self.members == 0:
            raise ValueError(
                "`pretrain` is for the LSTMs of both directions, which the plain model "
                f"has not; received {self.pretrain!r}."
            )
        if self.members is not None and self.members > TESTED:
            raise ValueError(
                f"`members` must be at most {TESTED}; received {self.members!r}."
            )
        for name in ("vectors", "unlabelled"):
            given = getattr(self, name)
            if given is not None and not Path(given).is_file():
                raise ValueError(f"`{name}` must be a file; received {given!r}.")
        epochs, dropout = self.epochs, self.dropout
        if epochs is None and (self.quick or self.data == WRITTEN):
            epochs = QUICK_EPOCHS if self.quick else EPOCHS
        if dropout is None:
            dropout = 0.2 if self.data == WRITTEN else 0.5
        chosen = {
            "data": whole_path(self.data, (WRITTEN, *NLTK_CORPORA)),
            "vectors": self.vectors and whole_path(self.vectors),
            "unlabelled": self.unlabelled and whole_path(self.unlabelled),
            "units": self.units or (32 if self.quick else UNITS),
            "members": 1 if self.quick and self.members is None else self.members,
            "epochs": epochs,
            "dropout": dropout,
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open but what hangs on the texts."""

    dropout: float
    units: int

    def complete(self) -> "CompleteConfig":
        """These settings: nothing is open."""
        return self
