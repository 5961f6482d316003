"""Text to ids and back, inside the graph."""

from keras_seq.text.characters import CharacterVocabulary
from keras_seq.text.subwords import SubwordVocabulary
from keras_seq.text.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary

__all__ = [
    "END",
    "PADDING",
    "START",
    "UNKNOWN",
    "CharacterVocabulary",
    "SubwordVocabulary",
    "Vocabulary",
]
