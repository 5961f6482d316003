"""Many to many: sentences translated with visible attention."""

from recipes.translation.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
