"""Study: who remembers how far? Vanishing gradients, and what helps."""

from recipes.long_term_memory.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
