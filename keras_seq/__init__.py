"""Sequence models you can look inside, for Keras 3.

The names are in the rooms: `keras_seq.layers`, `keras_seq.decoding`,
`keras_seq.diagnostics`, `keras_seq.training`, `keras_seq.text`,
`keras_seq.vision`, `keras_seq.music`, `keras_seq.serving`, `keras_seq.runs`,
`keras_seq.ops`. After `import keras_seq` each is imported when it is first used;
importing `keras_seq` alone imports neither Keras nor a backend.
"""

import importlib
from typing import TYPE_CHECKING

from keras_seq._version import __version__

if TYPE_CHECKING:
    from keras_seq import decoding as decoding
    from keras_seq import diagnostics as diagnostics
    from keras_seq import extras as extras
    from keras_seq import files as files
    from keras_seq import layers as layers
    from keras_seq import music as music
    from keras_seq import ops as ops
    from keras_seq import runs as runs
    from keras_seq import serving as serving
    from keras_seq import text as text
    from keras_seq import training as training
    from keras_seq import typing as typing
    from keras_seq import vision as vision

__all__ = ["__version__"]

_ROOMS = (
    *("decoding", "diagnostics", "extras", "files", "layers", "music", "ops"),
    *("runs", "serving", "text", "training", "typing", "vision"),
)


if not TYPE_CHECKING:  # which would find any name there

    def __getattr__(name):
        if name in _ROOMS:
            return importlib.import_module(f"keras_seq.{name}")
        raise AttributeError(f"module 'keras_seq' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
