"""The captioning recipe's settings, and what they are where they are left open."""

import dataclasses
from typing import Literal

from keras_seq.files import check_encoding
from keras_seq.runs import RunSettings, check_settings, whole_path

OUT = "runs/image_captioning"
SCENES = "scenes"
CNN = "cnn"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    data: str = SCENES
    """Images with captions: scenes (of handwritten digits, drawn for the run); or a
    folder of images with a file of captions, as COCO (captions.json), Flickr8k (lines
    `image,caption`), Karpathy or Hugging Face have it; or that file."""
    encoding: str | None = None
    """Of the file of captions. By default UTF-8."""
    out: str = OUT
    architecture: Literal["attention", "transformer"] = "attention"
    """attention: an LSTM that attends to the image. transformer: attention alone."""
    encoder: str = CNN
    """What makes a grid of features of an image: cnn (small, trained here); a model of
    keras.applications, such as EfficientNetB0, which Keras downloads; or a .keras file
    whose output, or whose last layer with four dimensions, is a grid."""
    pixels: Literal["auto", "0..255", "0..1", "-1..1"] = "auto"
    """What the encoder from a .keras file reads. By default 0..255 if it scales them
    itself, else -1..1."""
    epochs: int | None = None
    """Passes over the training images at most; of few images an epoch is several
    passes, of scenes half a pass. By default as many as suit their number."""
    units: int | None = None
    """Size of the decoder's state; half of it is the size of the features that are
    attended to, of the embeddings, and of a transformer's layers. By default 192 for
    scenes, else 384; 96 with `quick`."""
    dropout: float | None = None
    """Share of the features that is dropped in training. By default 0.1 for scenes,
    else 0.5."""
    label_smoothing: float | None = None
    """Probability that training takes from the right token and gives to all. By
    default 0.05 for scenes, else 0.1."""
    doubly_stochastic: float | None = None
    """How much it counts in training that attention goes to all parts of the image in
    the course of a caption. By default 0.001 for scenes, which are mostly empty, else
    0.01."""
    learning_rate: float | None = None
    """Highest learning rate: it rises to it, then falls. By default 0.0025 for
    scenes, else 0.001."""

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units"),
            shares=("dropout", "label_smoothing"),
            above_0=("learning_rate",),
            seeds=("seed",),
            paths=("data",),
        )
        if self.encoding is not None:
            check_encoding(self.encoding)
        own = self.data != SCENES

        def default(value: float | None, for_own: float, for_scenes: float) -> float:
            return value if value is not None else (for_own if own else for_scenes)

        spread = default(self.doubly_stochastic, 0.01, 0.001)
        if not 0 <= spread < float("inf"):
            raise ValueError(
                "`doubly_stochastic` must be 0 or more and finite; received "
                f"{spread!r}."
            )
        if self.units is not None and self.units % 8:
            raise ValueError(f"`units` must be a multiple of 8; received {self.units}.")
        if self.pixels != "auto" and not self.encoder.endswith(".keras"):
            raise ValueError(
                "`pixels` is for an `encoder` from a .keras file; received "
                f"{self.pixels!r} with {self.encoder!r}."
            )
        units = 96 if self.quick else 384 if own else 192
        chosen = {
            "data": whole_path(self.data) if own else self.data,
            "encoder": whole_path(self.encoder) if self.encoder != CNN else CNN,
            "units": self.units or units,
            "dropout": default(self.dropout, 0.5, 0.1),
            "doubly_stochastic": spread,
            "label_smoothing": default(self.label_smoothing, 0.1, 0.05),
            "learning_rate": self.learning_rate or default(None, 1e-3, 2.5e-3),
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    units: int
    dropout: float
    label_smoothing: float
    doubly_stochastic: float
    learning_rate: float

    def complete(self) -> "CompleteConfig":
        """These settings: nothing is open."""
        return self
