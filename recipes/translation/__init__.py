"""Many to many: sentences translated with visible attention.

A notebook goes through `Config`, `load_data`, `build_model`, `build_translator` and
`train`; the translator, a `keras_seq.text.Translator`, then translates. README.md has
it as a block that runs.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
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

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.translation.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
