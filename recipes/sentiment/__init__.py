"""Many to one: what a text says of its subject, good or bad, and which words say it.

A notebook goes through `Config`, `load_data` and `train_all`, and gives what comes out
to `TextClassifier`; or, for one LSTM, `Pieces`, `build_model` and `train`. README.md
has both in a block that runs.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
    from recipes.sentiment.explaining import TextClassifier
    from recipes.sentiment.pieces import Pieces, Share
    from recipes.sentiment.recipe import (
        Config,
        build_model,
        evaluate,
        export,
        load_data,
        train,
        train_all,
    )

__all__ = [
    "Config",
    "Pieces",
    "Share",
    "TextClassifier",
    "build_model",
    "evaluate",
    "export",
    "load_data",
    "train",
    "train_all",
]

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.sentiment.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
