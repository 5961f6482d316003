"""One to one: a row of a table classified, with a probability that can be trusted."""

from recipes.binary_classification.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
