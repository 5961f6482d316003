"""The validation values of weights that no epoch ended with."""

from collections.abc import Iterable, Mapping
from typing import Any

import keras


def measured(
    model: keras.Model,
    monitor: str,
    epoch: int,
    callbacks: Iterable[keras.callbacks.Callback],
    fit_options: Mapping[str, Any],
) -> dict[str, float]:
    """What validation says of the model as it is.

    Args:
        model: A compiled model.
        monitor: Name of the value that is needed.
        epoch: Number that callbacks are given.
        callbacks: If evaluating doesn't give `monitor`, `on_epoch_end` of these
            is called, from the first until one has logged it.
        fit_options: Keyword arguments of `fit`, its validation data among them.

    Returns:
        Dict of floats.

    Raises:
        ValueError: If nothing gives `monitor`.
    """
    values = validated(model, fit_options, verbose=0)
    for callback in callbacks:
        if monitor not in values:
            callback.set_model(model)
            callback.on_epoch_end(epoch, values)
    if monitor not in values:
        raise ValueError(
            f"`average` needs {monitor!r} of the mean, from `validation_data` or a "
            f"callback; they give {sorted(values)}."
        )
    return {name: float(value) for name, value in values.items()}


def validated(
    model: keras.Model, fit_options: Mapping[str, Any], **options: Any
) -> dict[str, float]:
    """What `fit` logs of its validation data, if it has any.

    Args:
        model: A compiled model.
        fit_options: Keyword arguments of `fit`, its validation data among them.
        **options: As for `model.evaluate`.
    """
    data = fit_options.get("validation_data")
    if data is None:
        return {}
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    batch_size = fit_options.get("validation_batch_size")
    found = model.evaluate(
        x,
        y,
        sample_weight=sample_weight,
        batch_size=batch_size or fit_options.get("batch_size"),
        steps=fit_options.get("validation_steps"),
        return_dict=True,
        **options,
    )
    return {f"val_{name}": value for name, value in found.items()}
