"""Text to ids and back, inside the graph."""

from keras_seq.text.characters import CharacterVocabulary
from keras_seq.text.cider import Cider
from keras_seq.text.normalising import normalise, normalise_tensor
from keras_seq.text.parallel import PairCorpus, read_pairs, read_two
from keras_seq.text.served_translation import (
    translation_card,
    translation_requests,
    translation_signatures,
)
from keras_seq.text.splitting import split_pairs
from keras_seq.text.subwords import SubwordVocabulary
from keras_seq.text.translator import Translation, Translator
from keras_seq.text.vectors import read_vectors
from keras_seq.text.vocabulary import END, PADDING, START, UNKNOWN, Vocabulary
from keras_seq.text.words import WordVocabulary

__all__ = [
    "END",
    "PADDING",
    "START",
    "UNKNOWN",
    "CharacterVocabulary",
    "Cider",
    "PairCorpus",
    "SubwordVocabulary",
    "Translation",
    "Translator",
    "Vocabulary",
    "WordVocabulary",
    "normalise",
    "normalise_tensor",
    "read_pairs",
    "read_two",
    "read_vectors",
    "split_pairs",
    "translation_card",
    "translation_requests",
    "translation_signatures",
]
