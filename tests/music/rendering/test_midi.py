from fractions import Fraction

import mido
import pytest

from keras_seq.music import AbcError, load_corpus, write_midi
from tests.music.data import music21_corpus

HEADER = "X:1\nT:Test\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n"


def midi(tmp_path, text):
    return mido.MidiFile(write_midi(text, tmp_path / "tune.mid"), charset="utf-8")


def sounding(track, ticks_per_quarter):
    """(start, length, pitch) in quarter notes, sorted, from the messages."""
    now, started, notes = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            assert message.note not in started
            started[message.note] = now
        elif message.type in ("note_on", "note_off"):
            start = started.pop(message.note)
            notes.append((start, now - start, message.note))
    assert not started
    return sorted(
        (Fraction(start, ticks_per_quarter), Fraction(length, ticks_per_quarter), pitch)
        for start, length, pitch in notes
    )


def played(tmp_path, text, track=1):
    file = midi(tmp_path, text)
    return sounding(file.tracks[track], file.ticks_per_beat)


def pitches(tmp_path, body, header=HEADER):
    return [pitch for _, _, pitch in played(tmp_path, header + body)]


def meta(file, kind):
    return [message for message in file.tracks[0] if message.type == kind]


# music21 reads ABC and plays repeats too. These are tunes that it reads right:
# no repeat without a start, no slur or decoration within broken rhythm, no
# accidental that the standard carries to another octave.
PEERS = {
    "oneills1850/1176-1275.abc": [
        "The Messenger",
        "The Green Branch",
        "Take Your Choice",
        "The Avonmore",
        "Craig's Reel",
        "Bridget McBride",
    ],
    "oneills1850/1276-1375.abc": ["Lough Allen", "Thompson's Reel"],
    "oneills1850/0001-0050.abc": ["Gordon's Tune", "Barney O'Finnegan"],
    "oneills1850/0101-0200.abc": ["Do You Remember That Night?", "Bonny Laboring Boy"],
    "oneills1850/0401-0486.abc": ["The Cup of Gold", "I Met Her in the Garden"],
    "ryansMammoth/BettyPringlesPigReel.abc": ["Betty Pringle's Pig -- Reel"],
    "ryansMammoth/TwoPennyPostmansJig.abc": ["TWO-PENNY POSTMAN'S -- JIG."],
    "airdsAirs/book3.abc": ["Cottilon.", "The Excambey.", "Bonny Annie."],
}


@pytest.mark.parametrize("file", PEERS)
def test_real_tunes_are_played_as_music21_plays_them(tmp_path, file):
    music21 = pytest.importorskip("music21")
    tunes = {t.title: t.text for t in load_corpus(music21_corpus() / file).tunes}
    for title in PEERS[file]:
        score = music21.converter.parse(tunes[title], format="abc")
        if ":" in tunes[title].partition("\nK:")[2].partition("\n")[2]:
            score = score.expandRepeats()
        expected = sorted(
            (exact(note.offset), exact(note.quarterLength), pitch.midi)
            for note in score.flatten().stripTies().notes
            for pitch in note.pitches
        )
        assert len(expected) > 40
        assert played(tmp_path, tunes[title]) == expected, title


def exact(quarters):
    return Fraction(quarters).limit_denominator(96)


def test_repeats_and_endings_are_played_in_order(tmp_path):
    body = "C|:D|1 E:|2 F|]\n|:G|A:|c|]"
    assert pitches(tmp_path, body) == [60, 62, 64, 62, 65, 67, 69, 67, 69, 72]


def test_accidentals_and_keys(tmp_path):
    header = HEADER.replace("K:C", "K:Eb")
    assert pitches(tmp_path, "B^BB=B|B__B|^^F|[K:D]F|c,C''", header) == (
        [70, 72, 72, 71, 70, 69, 67, 66, 61, 85]
    )


def test_ties_join_and_repeated_notes_do_not(tmp_path):
    notes = played(tmp_path, HEADER + "C2-C2-|C2CC|[CE]2-[CE]2|E4|")
    assert notes == [
        (0, 6, 60),
        (6, 1, 60),
        (7, 1, 60),
        (8, 4, 60),
        (8, 4, 64),
        (12, 4, 64),
    ]


def test_tie_across_a_repeat_holds_once(tmp_path):
    notes = played(tmp_path, HEADER + "|:C4-|C4:|")
    assert notes == [(0, 8, 60), (8, 8, 60)]


def test_tuplets_broken_rhythm_rests(tmp_path):
    notes = played(tmp_path, HEADER + "(3CDE F>G|z2 A<B|")
    third = Fraction(2, 3)
    assert [(start, length) for start, length, _ in notes] == [
        (0, third),
        (third, third),
        (2 * third, third),
        (2, Fraction(3, 2)),
        (Fraction(7, 2), Fraction(1, 2)),
        (6, Fraction(1, 2)),
        (Fraction(13, 2), Fraction(3, 2)),
    ]


def test_grace_notes_are_short_and_take_from_their_note(tmp_path):
    _, first, second, graced = played(tmp_path, HEADER + "C{ef}D2|")
    assert (first[0], first[2], second[2], graced[2]) == (1, 76, 77, 62)
    assert 0 < first[1] == second[1] <= Fraction(1, 8)
    assert second[0] == first[0] + first[1]
    assert graced[0] == second[0] + second[1]
    assert graced[0] + graced[1] == 3


def test_each_voice_has_its_track(tmp_path):
    text = HEADER + "V:1\nC4|D4|\nV:2\nE,4|F,4|\n"
    assert played(tmp_path, text, 1) == [(0, 4, 60), (4, 4, 62)]
    assert played(tmp_path, text, 2) == [(0, 4, 52), (4, 4, 53)]


def test_overlays_sound_together(tmp_path):
    notes = played(tmp_path, HEADER + "c4 & E2F2|")
    assert notes == [(0, 2, 64), (0, 4, 72), (2, 2, 65)]


def test_track_ends_with_the_music_and_not_with_its_last_note(tmp_path):
    file = midi(tmp_path, HEADER + "C2z2|z4|")
    assert file.length == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("fields", "quarters"),
    [
        ("Q:1/4=90\nM:4/4", 90),
        ("Q:3/8=100\nM:6/8", 150),
        ("Q:1/8=120\nM:3/8", 60),
        ('Q:"Slow" 1/2=50\nM:4/4', 100),
    ],
)
def test_tempo_of_the_field(tmp_path, fields, quarters):
    file = midi(tmp_path, f"X:1\nT:Test\n{fields}\nK:C\nC|")
    (tempo,) = meta(file, "set_tempo")
    assert tempo.tempo == pytest.approx(60e6 / quarters, abs=1)


def test_tempo_without_field_follows_rhythm_then_meter(tmp_path):
    def quarters(fields):
        file = midi(tmp_path, f"X:1\nT:Test\n{fields}\nK:C\nC|")
        return mido.tempo2bpm(meta(file, "set_tempo")[0].tempo)

    assert quarters("R:slow air\nM:4/4") < 100 < quarters("R:Reel\nM:4/4")
    assert quarters("R:hornpipe\nM:4/4") < quarters("R:reel\nM:4/4")
    assert quarters("R:slip jig\nM:9/8") > quarters("R:jig\nM:9/8")
    assert quarters("R:fairy dance\nM:C|") == quarters("M:C|")
    assert quarters("M:6/8") > quarters("M:none")


def test_title_signatures_and_their_changes(tmp_path):
    text = "X:1\nT:Bó – ♯\nM:6/8\nL:1/8\nK:Gm\nC6|[M:3/4][K:D]D6|"
    file = midi(tmp_path, text)
    assert [m.name for m in meta(file, "track_name")] == ["Bó – ♯"]
    meters = meta(file, "time_signature")
    assert [(m.numerator, m.denominator) for m in meters] == [(6, 8), (3, 4)]
    assert [m.key for m in meta(file, "key_signature")] == ["Bb", "D"]
    assert sum(
        m.time for m in file.tracks[0][: file.tracks[0].index(meters[1]) + 1]
    ) == (3 * file.ticks_per_beat)


def test_malformed_tune_is_refused_with_its_place(tmp_path):
    path = tmp_path / "tune.mid"
    path.write_bytes(b"old")
    with pytest.raises(AbcError, match="tuplet") as caught:
        write_midi(HEADER + "CDEF|\nC(3D|", path)
    assert (caught.value.line, caught.value.column) == (8, 2)
    assert path.read_bytes() == b"old"


def test_tempo_that_midi_cannot_hold_is_refused(tmp_path):
    text = HEADER.replace("Q:1/4=60", "Q:1/4=1") + "C|"
    with pytest.raises(ValueError, match=r"between 4 and 60,000,000 .*; 1\.0 came"):
        write_midi(text, tmp_path / "tune.mid")
    assert not list(tmp_path.iterdir())
