"""Text to ids and back, inside the graph."""

from keras_seq.text.characters import (
    END,
    PADDING,
    START,
    UNKNOWN,
    CharacterVocabulary,
)

__all__ = ["END", "PADDING", "START", "UNKNOWN", "CharacterVocabulary"]
