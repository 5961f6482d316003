"""Many to one: what a text says of its subject, good or bad, and which words say it."""

from recipes.sentiment.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
