"""Sequence models you can look inside, for Keras 3.

Import from the rooms: `keras_seq.layers`, `keras_seq.decoding`,
`keras_seq.diagnostics`, `keras_seq.training`, `keras_seq.text`,
`keras_seq.vision`, `keras_seq.music`, `keras_seq.serving`, `keras_seq.runs`,
`keras_seq.ops`. Importing `keras_seq` alone imports
neither Keras nor a backend.
"""

from keras_seq._version import __version__

__all__ = ["__version__"]
