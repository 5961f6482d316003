"""Many to many: sentences translated with visible attention.

A notebook goes through `Config`, `load_data`, `build_model`, `build_translator` and
`train`; the translator, a `keras_seq.text.Translator`, then translates. README.md has
it as a block that runs.
"""

from recipes.translation.recipe import (
    Config,
    build_model,
    build_translator,
    evaluate,
    export,
    load_data,
    train,
)

__all__ = [
    "Config",
    "build_model",
    "build_translator",
    "evaluate",
    "export",
    "load_data",
    "train",
]
