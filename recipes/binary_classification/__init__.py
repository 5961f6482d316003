"""One to one: a row of a table classified, with a probability that can be trusted.

A notebook goes through `Config`, `load_data`, `Part`, `build_model`, `train` and
`Fitted`, whose classifier then classifies rows; `fit` is the last four in one.
README.md has it as a block that runs.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.binary_classification.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
