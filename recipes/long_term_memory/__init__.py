"""Study: who remembers how far? Vanishing gradients, and what helps.

In a notebook: `load_data`, `build_model`, `train` and `evaluate` are for one model, by
its name in `REMEDIES`; `study` tries all of them, and `export` takes the best.
"""

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
