"""One to many: images captioned with visible attention.

A notebook goes through `Config`, `load_data`, `build_model`, `build_captioner` and
`train`; the captioner, a `keras_seq.vision.Captioner`, then captions images. README.md
has it as a block that runs.
"""

from typing import TYPE_CHECKING

from keras_seq.extras import lazy_names

if TYPE_CHECKING:
    from recipes.image_captioning.recipe import (
        Config,
        build_captioner,
        build_model,
        evaluate,
        export,
        load_data,
        train,
    )

__all__ = [
    "Config",
    "build_captioner",
    "build_model",
    "evaluate",
    "export",
    "load_data",
    "train",
]

if not TYPE_CHECKING:  # on demand: the command line's help needs nothing of it
    __getattr__, __dir__ = lazy_names(
        __name__,
        {"recipes.image_captioning.recipe": __all__},
        quiet=("tensorflow", "tensorflow_text"),
    )
