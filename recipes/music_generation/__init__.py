"""Next character: an LSTM learns folk tunes in ABC notation and writes new ones."""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
    from recipes.music_generation.recipe import (
        Config,
        build_model,
        evaluate,
        export,
        load_data,
        train,
    )

__all__ = ["Config", "build_model", "evaluate", "export", "load_data", "train"]

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.music_generation.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
