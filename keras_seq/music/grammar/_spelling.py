"""Fields that are given, as the grammar has them."""

import re
from collections.abc import Hashable

from keras_seq.music.abc import key_signature
from keras_seq.music.grammar._header import KNOWN, METERS, UNITS, keys

_NAMES = {"M": "meter", "L": "length", "K": "key"}
_KEY = re.compile("[A-G][#b]?( *[A-Za-z]+)?")  # no clef, no accidentals
_SYNONYMS = {"ionian": "major", "aeolian": "minor"}


def spelled(field: str, value: str, characters: str) -> str:
    """A meter, length or key in a spelling of the grammar's.

    Args:
        field: "M", "L" or "K".
        value: What is asked for.
        characters: Those that can be written.

    Returns:
        `value`, or another spelling of the same.

    Raises:
        ValueError: If the grammar has none that can be written.
    """
    known = {"M": METERS, "L": UNITS, "K": dict.fromkeys(keys())}[field]
    same = [value] if value in known else []
    if field == "K":
        same += _other_keys(value)
    if not same:
        raise ValueError(
            f"the grammar of tunes has no such {_NAMES[field]} ({KNOWN[field]})"
        )
    for each in same:
        if set(each) <= set(characters):
            return each
    lacking = ", ".join(repr(c) for c in same[0] if c not in characters)
    raise ValueError(f"the tunes that were learnt have no {lacking}")


def _other_keys(value: str) -> list[str]:
    """All keys that mean the same, the shorter first."""
    if not _KEY.fullmatch(value):
        return []
    try:
        meant = _meaning(value)
    except ValueError:
        return []
    return sorted((k for k in keys() if _meaning(k) == meant), key=len)


def _meaning(key: str) -> Hashable:
    read = key_signature(key)
    return read.tonic, _SYNONYMS.get(read.mode, read.mode), read.alterations
