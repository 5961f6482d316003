"""Next word: an LSTM language model foresees and writes words."""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
    from recipes.next_word.recipe import (
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
        {"recipes.next_word.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
