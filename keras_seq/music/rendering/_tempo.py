"""How fast a tune goes that does not say so."""

import re
from fractions import Fraction

from keras_seq.music.abc import Tune

# Start of a word in the R: field, beat as a fraction of a whole note, beats a
# minute. The first that occurs counts, so "slip jig" precedes "jig".
_BY_RHYTHM = (
    ("slow", Fraction(1, 4), 72),
    ("air", Fraction(1, 4), 76),
    ("strathspey", Fraction(1, 4), 126),
    ("hornpipe", Fraction(1, 2), 80),
    ("clog", Fraction(1, 2), 80),
    ("slip jig", Fraction(3, 8), 120),
    ("jig", Fraction(3, 8), 112),
    ("slide", Fraction(3, 8), 126),
    ("reel", Fraction(1, 2), 104),
    ("polka", Fraction(1, 4), 126),
    ("march", Fraction(1, 4), 108),
    ("waltz", Fraction(1, 4), 138),
    ("mazurka", Fraction(1, 4), 132),
)
_COMPOUND = (Fraction(3, 8), 104)
_SIMPLE = {2: (Fraction(1, 2), 84), 4: (Fraction(1, 4), 120), 8: (Fraction(1, 4), 100)}


def quarters_per_minute(tune: Tune) -> Fraction:
    """The tempo: that of the Q: field, else usual for its rhythm or meter."""
    beat, per_minute = _beat(tune)
    return per_minute * beat * 4


def _beat(tune: Tune) -> tuple[Fraction, int]:
    tempo = tune.tempo
    if tempo and tempo.beat and tempo.per_minute:
        return tempo.beat, tempo.per_minute
    rhythm = " ".join(value for letter, value, _ in tune.headers if letter == "R")
    for word, beat, per_minute in _BY_RHYTHM:
        if re.search(rf"\b{word}", rhythm.lower()):
            return beat, per_minute
    if tune.meter is None:
        return Fraction(1, 4), 90
    if tune.meter.compound:
        return _COMPOUND
    return _SIMPLE.get(tune.meter.unit, _SIMPLE[4])
