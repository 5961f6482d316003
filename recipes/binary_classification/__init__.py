"""One to one: a row of a table classified, with a probability that can be trusted.

A notebook goes through `Config`, `load_data`, `Part`, `build_model`, `train` and
`Fitted`, whose classifier then classifies rows; `fit` is the last four in one.
README.md has it as a block that runs.
"""

from recipes.binary_classification.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    fit,
    load_data,
    train,
)
from recipes.binary_classification.training import Fitted, Part

__all__ = [
    "Config",
    "Fitted",
    "Part",
    "build_model",
    "evaluate",
    "export",
    "fit",
    "load_data",
    "train",
]
