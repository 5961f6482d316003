"""The music recipe's settings, checked and with nothing left open."""

import dataclasses
from typing import TYPE_CHECKING

from keras_seq import runs

if TYPE_CHECKING:
    from recipes.music_generation.recipe import Config


def completed(config: "Config") -> "Config":
    """The settings with their defaults filled in; ValueError for a bad one."""
    runs.check_settings(
        config,
        at_least_1=("units", "layers", "batch_size", "epochs"),
        shares=("dropout", "transpose"),
        above_0=("learning_rate", "temperature"),
        seeds=("seed",),
    )
    return dataclasses.replace(
        config,
        data=runs.whole_path(config.data),
        epochs=config.epochs or (8 if config.quick else None),
        units=config.units or (128 if config.quick else 512),
        batch_size=config.batch_size or (4 if config.quick else 8),
    )
