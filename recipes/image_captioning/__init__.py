"""One to many: images captioned with visible attention.

A notebook goes through `Config`, `load_data`, `build_model`, `build_captioner` and
`train`; the captioner, a `keras_seq.vision.Captioner`, then captions images. README.md
has it as a block that runs.
"""

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
