"""Learning rates that rise before they fall, where Keras has none."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.training._arguments import check_positive_integer
from keras_seq.typing import Numbers, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self


@keras.saving.register_keras_serializable(package="keras_seq")
class InverseSquareRootDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to a peak, then falls with the root of the step.

    ```
    rate(s) = peak · min(s / warmup_steps, sqrt(warmup_steps / s)),  s = 1, 2, …
    ```

    s is the number of the step, 1 the first (the optimizer's `iterations` is
    s − 1 then), so that no step has the rate 0. The schedule of Vaswani et al.
    has `peak = (units · warmup_steps) ** -0.5`.

    Args:
        peak: Learning rate at step `warmup_steps`, above 0.
        warmup_steps: Steps until the peak, at least 1.
        name: Name of the schedule.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> rate = InverseSquareRootDecay(1.0, 4)
    >>> [float(rate(step)) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]

    References:

    - [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 5.3
    """

    def __init__(
        self,
        peak: float,
        warmup_steps: int,
        *,
        name: str = "inverse_square_root_decay",
    ) -> None:
        super().__init__()
        if not 0 < peak < float("inf"):
            raise ValueError(f"`peak` must be above 0 and finite; received {peak!r}.")
        check_positive_integer("warmup_steps", warmup_steps)
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.name = name

    def __call__(self, step: Numbers) -> Tensor:
        """The learning rate when `step` steps are done."""
        number = ops.cast(step, "float32") + 1
        share = ops.minimum(
            number / self.warmup_steps, ops.sqrt(self.warmup_steps / number)
        )
        return self.peak * share

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package="keras_seq")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Puts a linear rise before any schedule of Keras.

    ```
    rate(s) = schedule(0) · s / (warmup_steps + 1)    s = 1, …, warmup_steps
    rate(s) = schedule(s − 1 − warmup_steps)          afterwards
    ```

    s is the number of the step, 1 the first: the first step after the rise is
    the first of `schedule`. `keras.optimizers.schedules.CosineDecay` has a rise
    of its own.

    Args:
        schedule: A `LearningRateSchedule`.
        warmup_steps: Steps of the rise, at least 1.
        name: Name of the schedule.

    Raises:
        ValueError: If an argument is not what it must be.

    Example:

    >>> linear = keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.0)
    >>> rate = WarmUp(linear, 1)
    >>> [float(rate(step)) for step in range(6)]
    [0.5, 1.0, 0.75, 0.5, 0.25, 0.0]
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        warmup_steps: int,
        *,
        name: str = "warm_up",
    ) -> None:
        super().__init__()
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            raise ValueError(
                f"`schedule` must be a LearningRateSchedule; received {schedule!r}."
            )
        check_positive_integer("warmup_steps", warmup_steps)
        self.schedule = schedule
        self.warmup_steps = warmup_steps
        self.name = name

    def __call__(self, step: Numbers) -> Tensor:
        """The learning rate when `step` steps are done."""
        number = ops.cast(step, "float32") + 1
        share = ops.minimum(number / (self.warmup_steps + 1), 1.0)
        done = ops.maximum(ops.cast(step, "float32") - self.warmup_steps, 0.0)
        return share * ops.cast(self.schedule(done), "float32")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "warmup_steps": self.warmup_steps,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        """The schedule of a config."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(**{**config, "schedule": schedule})


def warmed_up_cosine(
    peak: float,
    steps: int,
    warmup_steps: int,
    *,
    first: float = 0.02,
    last: float = 0.02,
) -> keras.optimizers.schedules.CosineDecay:
    """Rises linearly to a peak, then falls on half a cosine.

    ```
    rate(s) = peak · (first + (1 − first) · s / warmup_steps)       s < warmup_steps
    rate(s) = peak · (last + (1 − last) · (1 + cos(π · u)) / 2)     afterwards
    u = (s − warmup_steps) / (steps − warmup_steps), 1 at most
    ```

    s is the number of steps that are done, 0 before the first.

    Args:
        peak: The highest learning rate.
        steps: Steps of the training, those of the rise among them.
        warmup_steps: Steps of the rise, fewer than `steps`.
        first: Rate at the first step, as a share of the peak.
        last: Rate at the end, as a share of the peak.

    Returns:
        A schedule of Keras.

    Example:

    >>> rate = warmed_up_cosine(1.0, 30, 10, first=0.0, last=0.0)
    >>> [round(float(rate(step)), 6) for step in (0, 5, 10, 20, 30)]
    [0.0, 0.5, 1.0, 0.5, 0.0]

    References:

    - [Loshchilov and Hutter, 2017](https://arxiv.org/abs/1608.03983)
    """
    return keras.optimizers.schedules.CosineDecay(
        peak * first,
        decay_steps=max(1, steps - warmup_steps),
        alpha=last,
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )
