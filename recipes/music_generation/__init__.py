"""Next character: an LSTM learns folk tunes in ABC notation and writes new ones."""

from recipes.music_generation.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
