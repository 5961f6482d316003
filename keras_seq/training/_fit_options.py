"""What `fit` of Keras takes beside `epochs` and `callbacks`, for type checkers."""

from typing import Any, TypedDict


class FitOptions(TypedDict, total=False):
    """Without `initial_epoch`, which a checkpoint knows."""

    x: Any
    y: Any
    batch_size: int | None
    verbose: str | int
    validation_split: float
    validation_data: Any
    shuffle: bool
    class_weight: dict[int, float] | None
    sample_weight: Any
    steps_per_epoch: int | None
    validation_steps: int | None
    validation_batch_size: int | None
    validation_freq: int
