"""Study: who remembers how far? Vanishing gradients, and what helps.

In a notebook: `load_data`, `build_model`, `train` and `evaluate` are for one model, by
its name in `REMEDIES`; `study` tries all of them, and `export` takes the best.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
    from recipes.long_term_memory.models import REMEDIES
    from recipes.long_term_memory.recipe import (
        Config,
        build_model,
        evaluate,
        export,
        load_data,
        study,
        train,
    )

__all__ = [
    "REMEDIES",
    "Config",
    "build_model",
    "evaluate",
    "export",
    "load_data",
    "study",
    "train",
]

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.long_term_memory.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
