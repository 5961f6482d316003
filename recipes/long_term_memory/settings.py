"""The settings of the long-term memory study."""

import dataclasses
from typing import Literal

from keras_seq.runs import RunSettings, check_settings
from recipes.long_term_memory.remedies import REMEDIES
from recipes.long_term_memory.tasks import TASKS, Task

OUT = "runs/long_term_memory"
# At the few steps of a quick run these show what the study shows: other gates forget
# sooner than tanh while they are new, and copy memory is learned by none.
QUICK_MODELS = ("tanh", "lstm-chrono")
QUICK_DATA = "adding"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings of a run."""

    out: str = OUT
    data: Literal["adding", "copy", "both"] = "both"
    """Task: adding (the sum of two marked numbers), copy (ten symbols, to be
    repeated), or both; which is adding alone with `quick`."""
    length: tuple[int, ...] = ()
    """Distances in steps, such as --length 25 800. By default 25 50 100 200 400; 8
    16 with `quick`."""
    models: tuple[str, ...] = ()
    """Models by name, such as --models tanh gru. By default all; tanh and
    lstm-chrono with `quick`."""
    epochs: int | None = None
    """Times 50 training steps for each model at each distance, at most. By default
    24; 6 with `quick`."""
    units: int | None = None
    """Size of the state. By default 64; 24 with `quick`."""
    batch_size: int = 64
    """Sequences in a training step, drawn anew in each."""
    learning_rate: float | None = None
    """Learning rate of all models. By default 0.01 for those with gates, 0.003 for
    those without."""
    clipnorm: float = 1.0
    """Norm to which the gradient of all weights is cut where a model is clipped."""
    patience: int = 1
    """A model that has learnt nothing at so many distances in a row isn't tried at
    longer ones."""

    def __post_init__(self) -> None:
        # JSON has lists alone.
        object.__setattr__(self, "length", tuple(self.length))
        object.__setattr__(self, "models", tuple(self.models))

    def complete(self) -> "CompleteConfig":
        """The settings with nothing left open; ValueError for a bad one."""
        check_settings(
            self,
            at_least_1=("epochs", "units", "batch_size", "patience"),
            above_0=("learning_rate", "clipnorm"),
            seeds=("seed",),
        )
        if unknown := [name for name in self.models if name not in REMEDIES]:
            raise ValueError(
                f"`models` must be among {', '.join(REMEDIES)}; received "
                f"{', '.join(unknown)}."
            )
        lengths = self.length or ((8, 16) if self.quick else (25, 50, 100, 200, 400))
        for task in tasks_of(self):
            if min(lengths) < task.shortest:
                raise ValueError(
                    f"`length` must be at least {task.shortest} for the "
                    f"{task.title}; received {min(lengths)}."
                )
        wanted = self.models or (QUICK_MODELS if self.quick else tuple(REMEDIES))
        few = self.quick and self.data == "both"
        chosen = {
            "data": QUICK_DATA if few else self.data,
            "length": tuple(sorted(set(lengths))),
            "models": tuple(name for name in REMEDIES if name in wanted),
            "epochs": self.epochs or (6 if self.quick else 24),
            "units": self.units or (24 if self.quick else 64),
        }
        return CompleteConfig(**{**vars(self), **chosen})


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteConfig(Config):
    """Settings with nothing left open: what `Config.complete` gives."""

    epochs: int
    units: int


def tasks_of(config: Config) -> list[Task]:
    """The tasks asked for, in order."""
    return [TASKS[name] for name in task_names(config)]


def task_names(config: Config) -> list[str]:
    """The names of the tasks asked for, in order."""
    return list(TASKS) if config.data == "both" else [config.data]
