"""One to many: images captioned with visible attention."""

from recipes.image_captioning.recipe import (
    Config,
    build_model,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]
