"""The classification recipe's settings."""

import dataclasses
from typing import Literal

from keras_seq.files import check_encoding
from keras_seq.runs import RunSettings, check_settings, whole_path

OUT = "runs/binary_classification"
BREAST_CANCER = "breast-cancer"
EPOCHS = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    out: str = OUT
    data: str = BREAST_CANCER
    """Table to learn from: breast-cancer (scikit-learn's), or a file: CSV, JSON Lines
    or Parquet; or hf://NAME[:CONFIG][@SPLIT]."""
    label: str | None = None
    """Column of the file that holds what is predicted: two labels, or more, several
    in a field, or a number."""
    target_kind: Literal["binary", "classes", "labels", "number"] | None = None
    """What the label is: binary, one of two; classes, one of several; labels, several
    with ; or | or a comma between; number. By default chosen by looking at it."""
    positive: str | None = None
    """Label whose probability is predicted. By default the rarer one; of two as
    frequent, the one that sorts last."""
    delimiter: str | None = None
    """Character between the fields of the CSV file. By default it is found."""
    encoding: str | None = None
    """Of the file. By default UTF-8."""
    epochs: int | None = None
    """Passes over the training rows at most: training stops when the rows held out
    are predicted no better. By default 60; 8 with `quick`."""
    units: int = 32
    """Hidden units of each network of the ensemble."""
    l2: float = 1.0
    """Penalty on the squares of the weights: 1 / C of scikit-learn's logistic
    regression."""
    class_weights: Literal["none", "balanced"] = "none"
    """balanced: all classes weigh the same in training, however rare one is."""
    threshold: Literal["youden", "f1"] = "youden"
    """What the threshold maximises on rows held out: youden, sensitivity +
    specificity - 1; f1, the harmonic mean of precision and sensitivity."""
    false_negative_cost: float | None = None
    """What a missed positive costs if a false alarm costs 1: the threshold then
    minimises the cost."""

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units"),
            above_0=("l2", "false_negative_cost"),
            seeds=("seed",),
            paths=("data",),
        )
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.data == BREAST_CANCER:
            if self.label is not None:
                raise ValueError(
                    f"`label` is for a CSV file, not {BREAST_CANCER}; received "
                    f"{self.label!r}."
                )
        elif self.label is None:
            raise ValueError("`label` must name the column of the labels (--label).")
        chosen = {
            "data": whole_path(self.data, (BREAST_CANCER,)),
            "epochs": self.epochs or (8 if self.quick else EPOCHS),
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    epochs: int

    def complete(self) -> "CompleteConfig":
        """These settings: nothing is open."""
        return self
