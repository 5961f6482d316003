"""The music recipe's settings."""

import dataclasses

from keras_seq import runs

OUT = "runs/music_generation"
LONGEST_MEMORY = 4096  # characters
NAMED = ("oneills", "ryans", "airds", "folk", "essen")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(runs.RunSettings):
    """Settings of a run."""

    out: str = OUT
    data: str = "oneills"
    """Tunes to learn: oneills, ryans, airds, folk (these three), essen (not for
    commercial use); or an ABC file, or a folder of ABC files."""
    epochs: int | None = None
    """Epochs at most: passes over the training tunes, or several passes each where
    they are few. By default as many as read 5 million characters, 24 at most; 8 with
    `quick`."""
    units: int | None = None
    """Units of an LSTM layer. By default 512; 128 with `quick`."""
    layers: int = 1
    """Number of LSTM layers."""
    dropout: float = 0.4
    """Share of an LSTM layer's outputs that is dropped in training."""
    memory: int = 1024
    """Characters that the model looks back over for what it read before; 0 for none."""
    transpose: float = 0.7
    """Share of the training tunes that is moved to another key, anew in each epoch."""
    batch_size: int | None = None
    """Tunes in a training step. By default 8; 4 with `quick`."""
    learning_rate: float = 5e-3
    """Highest learning rate: it rises to it, then falls on half a cosine."""
    temperature: float = 0.85
    """Temperature at which tunes are drawn."""

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        runs.check_settings(
            self,
            at_least_1=("units", "layers", "batch_size", "epochs"),
            shares=("dropout", "transpose"),
            above_0=("learning_rate", "temperature"),
            seeds=("seed",),
            paths=("data",),
        )
        if not 0 <= self.memory <= LONGEST_MEMORY:
            raise ValueError(
                f"`memory` must be in [0, {LONGEST_MEMORY}]; received {self.memory!r}."
            )
        chosen = {
            "data": runs.whole_path(self.data, NAMED),
            "epochs": self.epochs or (8 if self.quick else None),
            "units": self.units or (128 if self.quick else 512),
            "batch_size": self.batch_size or (4 if self.quick else 8),
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    units: int
    batch_size: int
