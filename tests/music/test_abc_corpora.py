"""Real tunes: we read what music21 reads, but for its known faults.

music21 is told that the text is ABC 2.1 (`%abc-2.1`); untold, it takes an older
dialect and lets no accidental reach beyond its note. Where it reads a tune in
another way than we do, one of FAULTS must explain it: the tune, written in another
way that means the same by the standard and avoids the fault, is then read by
music21 as we read the original.
"""

import random
import re
from collections import Counter
from fractions import Fraction

import pytest

from keras_seq.music.abc import validate
from tests.music.abc_support import MUSIC21_CORPORA, irish_tunes, music21_tunes

music21 = pytest.importorskip("music21")

# Tunes of each corpus; music21 needs about a tenth of a second for each.
IRISH_SAMPLE = 100
SAMPLE = 40


def in_music(pattern, replacement):
    """A rewriting of a tune's lines of music; fields are left as they are."""

    def rewrite(text):
        header, key, body = re.split(r"(?m)^(K:.*\n)", text, maxsplit=1)
        lines = [
            line
            if re.match(r"[A-Za-z]:|%", line)
            else re.sub(pattern, replacement, line)
            for line in body.split("\n")
        ]
        return header + key + "\n".join(lines)

    return rewrite


def voice_after_voice(text):
    """A tune with its lines `[V:1] ...` sorted by voice and run together."""
    header, key, body = re.split(r"(?m)^(K:.*\n)", text, maxsplit=1)
    voices, name = {}, ""
    for line in body.split("\n"):
        if match := re.match(r"\[V:(\w+)[^\]]*\]", line):
            name, line = match[1], line[match.end() :]
        voices.setdefault(name, []).append(line)
    return header + key + "\n".join(line for lines in voices.values() for line in lines)


_MARKS = r"(?:\{[^}]*\}|[.~uvHTMk()-](?!\d))*"
# What music21 misreads, how often at most in the samples below, and a way to write
# the same music so that it is read aright. Numbers are sections of the standard.
FAULTS = {
    # 4.19: a text in quotes may hold any sign. After ">" or "<" music21 loses the
    # next note.
    "text": (3, in_music(r'"[^"]*"', "")),
    # 4.14: H is the fermata. music21 drops every token that starts with it, the
    # note as well.
    "fermata": (10, in_music("H", "")),
    # 4.5: x is a rest like z. music21 drops it.
    "invisible rest": (3, in_music("x", "z")),
    # 3: a field starts a line. music21 takes the note before :: for a field, and
    # the rest of the line for its value.
    "note before ::": (3, in_music("::", " :| |: ")),
    # 4.12, 4.20: grace notes, slurs and decorations may stand between > and its
    # notes. music21 then forgets the broken rhythm.
    "broken rhythm": (16, in_music(rf"{_MARKS}([<>]+){_MARKS}", r"\1")),
    # 4.12, 4.13: grace notes take no time, so a tuplet doesn't count them. music21
    # does.
    "grace notes in tuplets": (2, in_music(r"\{[^}]*\}", "")),
    # 4.11: a tie joins two notes of the same pitch. music21 forgets the accidental
    # of the first at the bar line.
    "tied accidental": (
        2,
        in_music(
            r"(\^\^?|__?|=)([A-Ga-g])([,']*[\d/]*)-([\s|]+)(?=\2(?![,']))",
            r"\1\2\3-\4\1",
        ),
    ),
    # 3.2, 7: [V:1] at the start of a line changes the voice. music21 reads on in
    # the same voice.
    "voices": (2, voice_after_voice),
    # 4.8: a bar ends at its bar line, however long it is. music21 cuts bars that
    # are longer than the meter, and with them the notes across the cut.
    "long bar": (6, None),
}


def music21_notes(text):
    """music21's measures, and its notes as `(pitches, length)`."""
    score = music21.converter.parse("%abc-2.1\n" + text, format="abc")
    measures, notes = [], []
    for measure in score.recurse().getElementsByClass("Measure"):
        measures.append(
            [
                note
                for note in measure.recurse().notesAndRests
                if not note.duration.isGrace and "Harmony" not in note.classes
            ]
        )
    for note in score.recurse().notesAndRests:
        if note.duration.isGrace or "Harmony" in note.classes:
            continue
        notes.append((tuple(sorted(p.midi for p in note.pitches)), length_of(note)))
    lengths = [sum(map(length_of, measure), Fraction(0)) for measure in measures]
    return score, notes, [length for length in lengths if length]


def length_of(note):
    return Fraction(note.duration.quarterLength).limit_denominator(10**6) / 4


def our_notes(tune):
    return [
        (tuple(sorted(note.pitches)), note.length)
        for note in tune.notes
        if not note.grace
    ]


def joined(theirs, ours):
    """Their notes, where pieces of a cut note make one of ours."""
    notes = iter(theirs)
    whole = []
    for pitches, length in ours:
        piece = next(notes, None)
        while piece and piece[0] == pitches and piece[1] < length:
            more = next(notes, None)
            if not more or more[0] != pitches:
                return theirs
            piece = (pitches, piece[1] + more[1])
        whole.append(piece)
    return [*whole, *notes]


def fault(text, ours):
    """The fault of music21 that explains why it reads the tune differently."""
    for name, (_, rewrite) in FAULTS.items():
        if rewrite:
            text = rewrite(text)
        _, theirs, _ = music21_notes(text)
        if (joined(theirs, ours) if name == "long bar" else theirs) == ours:
            return name
    return "UNKNOWN"


def compare(texts):
    """Counts, by outcome, how music21 reads tunes that we call well-formed."""
    outcomes = Counter()
    for text in texts:
        validation = validate(text)
        if not validation.valid:
            outcomes["malformed"] += 1
            continue
        tune = validation.tune
        ours = our_notes(tune)
        score, theirs, measures = music21_notes(text)
        if theirs != ours:
            name = fault(text, ours)
            assert name != "UNKNOWN", f"{text}\nours {ours}\ntheirs {theirs}"
            outcomes[name] += 1
            continue
        outcomes["same"] += 1
        signature = score.recurse().getElementsByClass("KeySignature").first()
        assert signature.sharps == tune.key.sharps, text
        if tune.meter and all(bar.length <= bar.meter.length for bar in tune.bars):
            assert measures == [bar.length for bar in tune.bars], text
    return outcomes


def sample(texts, size):
    return random.Random(0).sample(texts, size)


def test_irish_tunes():
    outcomes = compare(sample(irish_tunes(), IRISH_SAMPLE))
    assert outcomes.keys() <= {"same", "malformed"}
    assert outcomes["malformed"] <= 2


@pytest.fixture(scope="module")
def outcomes():
    return {
        corpus: compare(sample(music21_tunes(corpus), SAMPLE))
        for corpus in MUSIC21_CORPORA
    }


def test_tunes_of_music21s_corpora(outcomes):
    total = sum(outcomes.values(), Counter())
    assert total["same"] > 0.75 * SAMPLE * len(MUSIC21_CORPORA)
    assert total["malformed"] < 0.1 * SAMPLE * len(MUSIC21_CORPORA)


@pytest.mark.parametrize("name", FAULTS)
def test_music21s_faults_are_no_more_than_known(name, outcomes):
    assert sum(counts[name] for counts in outcomes.values()) <= FAULTS[name][0]
