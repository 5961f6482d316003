"""Reading and checking tunes in ABC notation (the abc music standard 2.1)."""

from keras_seq.music.abc._key import Key, key_signature
from keras_seq.music.abc._measures import intervals, notes_outside_key
from keras_seq.music.abc._meter import Meter, Tempo
from keras_seq.music.abc._problems import AbcError, Problem
from keras_seq.music.abc._tune import Bar, Note, Tune
from keras_seq.music.abc._validation import Validation, parse, validate

__all__ = [
    "AbcError",
    "Bar",
    "Key",
    "Meter",
    "Note",
    "Problem",
    "Tempo",
    "Tune",
    "Validation",
    "intervals",
    "key_signature",
    "notes_outside_key",
    "parse",
    "validate",
]
