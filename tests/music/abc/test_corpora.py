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
from tests.music.abc.support import tune
from tests.music.data import MUSIC21_CORPORA, irish_tunes, music21_tunes

music21 = pytest.importorskip("music21")

# Tunes of each corpus; music21 needs about a tenth of a second for each.
IRISH_SAMPLE = 250
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
# What music21 misreads: how often at most in the samples below, an example, and a
# way to write the same music so that it is read aright. Numbers are sections of the
# standard.
FAULTS = {
    # 4.19: a text in quotes may hold any sign. After ">" or "<" music21 loses the
    # next note.
    "text": (2, '">"AB c2', in_music(r'"[^"]*"', "")),
    # 4.14: H is the fermata. music21 drops every token that starts with it, the
    # note as well.
    "fermata": (6, "HA2 [GB]2", in_music("H", "")),
    # 4.5: x is a rest like z. music21 drops it.
    "invisible rest": (2, "xA B2", in_music("x", "z")),
    # 3: a field starts a line. music21 takes the note before :: for a field, and
    # the rest of the line for its value.
    "note before ::": (1, "ABcA::cdef:|", in_music("::", " :| |: ")),
    # 4.12, 4.20: grace notes, slurs and decorations may stand between > and its
    # notes. music21 then forgets the broken rhythm.
    "broken rhythm": (
        5,
        "(A>.B) c(>d) A>{g}uB",
        in_music(rf"{_MARKS}([<>]+){_MARKS}", r"\1"),
    ),
    # 4.12, 4.13: grace notes take no time, so a tuplet doesn't count them. music21
    # does.
    "grace notes in tuplets": (0, "(3{d}cBA B2", in_music(r"\{[^}]*\}", "")),
    # 4.11: a tie joins two notes of the same pitch. music21 forgets the accidental
    # of the first at the bar line.
    "tied accidental": (
        0,
        "^c8-|c4 _B-B2z|",
        in_music(
            r"(\^\^?|__?|=)([A-Ga-g])([,']*[\d/]*)-([\s|]+)(?=\2(?![,']))",
            r"\1\2\3-\4\1",
        ),
    ),
    # 3.2, 7: [V:1] at the start of a line changes the voice. music21 reads on in
    # the same voice.
    "voices": (0, "[V:1]AB|\n[V:2]cd|\n[V:1]ef|", voice_after_voice),
    # 4.8: a bar ends at its bar line, however long it is. music21 cuts bars that
    # are longer than the meter, and with them the notes across the cut.
    "long bar": (4, "CDEF G6 A2|", None),
}


def music21_notes(text):
    """What music21 reads: the score, its `(pitches, length)`, its bars' lengths."""
    score = music21.converter.parse("%abc-2.1\n" + text, format="abc")
    notes = [
        (tuple(sorted(pitch.midi for pitch in note.pitches)), length_of(note))
        for note in timed_notes(score)
    ]
    bars = [
        sum(map(length_of, timed_notes(measure)), Fraction(0))
        for measure in score.recurse().getElementsByClass("Measure")
    ]
    return score, notes, [length for length in bars if length]


def timed_notes(stream):
    return [
        note
        for note in stream.recurse().notesAndRests
        if not note.duration.isGrace and "Harmony" not in note.classes
    ]


def length_of(note):
    return Fraction(note.duration.quarterLength).limit_denominator(10**6) / 4


def our_notes(read):
    return [
        (tuple(sorted(note.pitches)), note.length)
        for note in read.notes
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
    for name, (_, _, rewrite) in FAULTS.items():
        if rewrite:
            text = rewrite(text)
        _, theirs, _ = music21_notes(text)
        if (joined(theirs, ours) if name == "long bar" else theirs) == ours:
            return name
    return "UNKNOWN"


@pytest.mark.parametrize("name", FAULTS)
def test_what_avoids_a_fault_means_the_same(name):
    _, body, rewrite = FAULTS[name]
    text = tune(body, unit="1/8")
    ours = our_notes(validate(text).tune)
    _, theirs, _ = music21_notes(rewrite(text) if rewrite else text)
    assert joined(theirs, ours) == ours


def compare(texts):
    """Counts, by outcome, how music21 reads tunes that we call well-formed."""
    outcomes = Counter()
    for text in texts:
        validation = validate(text)
        if not validation.valid:
            outcomes["malformed"] += 1
            continue
        read = validation.tune
        ours = our_notes(read)
        score, theirs, measures = music21_notes(text)
        if theirs != ours:
            name = fault(text, ours)
            assert name != "UNKNOWN", f"{text}\nours {ours}\ntheirs {theirs}"
            outcomes[name] += 1
            continue
        outcomes["same"] += 1
        signature = score.recurse().getElementsByClass("KeySignature").first()
        assert signature.sharps == read.key.sharps, text
        if read.meter and all(bar.length <= bar.meter.length for bar in read.bars):
            assert measures == [bar.length for bar in read.bars], text
    return outcomes


def sample(texts, size):
    return random.Random(0).sample(texts, size)


# Where tunes of irish.abc break the standard: the code of the first error.
MALFORMED = {
    # An empty line in the tune ends it.
    "dc-hornpipe-21": "after-tune",
    "dc-reel-387": "after-tune",
    # Music on the line of an M: field is no music.
    "dc-jig-123": "meter",
    "dc-reel-127": "meter",
}
# And where their bars are wrong.
INCOMPLETE = {
    "dc-hornpipe-21": "no music before the empty line",
    "dc-reel-387": "no music before the empty line",
    "dc-jig-28": "a bar line is missing",
    "dc-reel-22": "a bar line is missing",
    "dc-reel-282": "a bar line is missing",
    "dc-jig-79": "bar lines within a bar",
    "dc-reel-47": "bar lines within a bar",
    "dc-reel-154": "bar lines within a bar",
    "dc-reel-391": "bar lines within a bar",
    "dc-reel-359": "a note is missing",
    "dc-jig-123": "music on the line of an M: field",
    "dc-reel-390": "the coda ends half a bar early",
    "dc-reel-211": "the first ending leaves too much time for the upbeat",
}


def test_what_is_wrong_with_irish_tunes():
    malformed, incomplete = {}, set()
    for text in irish_tunes():
        name = re.search(r"(?m)^Z: id:(\S+)", text)[1]
        validation = validate(text)
        errors = [p for p in validation.problems if p.severity == "error"]
        if errors:
            malformed[name] = errors[0].code
        if not validation.complete:
            incomplete.add(name)
    assert malformed == MALFORMED
    assert incomplete == INCOMPLETE.keys()


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
