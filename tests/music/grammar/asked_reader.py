"""Requests drawn at random, and whether tunes obey them, as music21 reads them."""

import re
from fractions import Fraction

from keras_seq.music import INSTRUMENTS, TuneRequest, validate

METERS = ("4/4", "C", "C|", "2/4", "3/4", "6/8", "9/8")
KEYS = ("C", "D", "G", "A", "Em", "Ador", "Dmix", "Bb", "F", "Gm", "Eb", "Cm", "Bm")
_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_LINE = re.compile(r"(:\|[|\]]?|\|\||\|\]|\|:|::|\|)")
# As in the docstring of `TuneRequest`, by MIDI number.
RANGES = {
    "fiddle": (55, 83),
    "mandolin": (55, 83),
    "banjo": (55, 83),
    "whistle": (62, 83),
    "flute": (62, 83),
    "pipes": (62, 86),
    "highland pipes": (67, 81),
    "recorder": (60, 86),
    "concertina": (55, 95),
    "accordion": (53, 93),
}


def tonic(key):
    return _STEPS[key[0]] + {"#": 1, "b": -1}.get(key[1:2], 0)


def random_request(chance):
    """A request, and the header's M, L and K that go with it."""
    asked = {}
    if chance.random() < 0.75:
        sections = chance.randint(1, 4)
        letters = ("ABCD"[i] * chance.randint(1, 2) for i in range(sections))
        asked["form"] = "".join(letters)
        lengths = [chance.choice([1, 2, 3, 4, 8]) for _ in range(sections)]
        asked["bars"] = lengths if chance.random() < 0.5 else lengths[0]
        asked["pickup"] = chance.choice([None, True, False])
    if chance.random() < 0.6:
        if chance.random() < 0.5:
            asked["instrument"] = chance.choice(list(INSTRUMENTS))
        else:
            asked["lowest"] = chance.choice(["G3", "Bb3", "C4", "D4"])
            asked["highest"] = chance.choice(["D5", "F#5", "B5", "C6"])
    if chance.random() < 0.6 or not asked:
        asked["end_on"] = "tonic"
    key = chance.choice(KEYS)
    unit = chance.choice(["1/8", "1/8", "1/16"])
    return TuneRequest(**asked), {"M": chance.choice(METERS), "L": unit, "K": key}


def complaints(tune, request):
    """What of a request a tune doesn't obey: list of strings."""
    import music21

    found = [str(problem) for problem in validate(tune).problems]
    tune = _plain(tune)
    score = music21.converter.parse(tune, format="abc")
    notes = [n for n in score.recurse().notes if n.duration.quarterLength or n.pitches]
    pitches = [p.midi for n in notes for p in n.pitches]
    low, high = 0, 127
    if request.instrument:
        low, high = RANGES[request.instrument]
    if request.lowest:
        low = music21.pitch.Pitch(request.lowest.replace("b", "-")).midi
    if request.highest:
        high = music21.pitch.Pitch(request.highest.replace("b", "-")).midi
    if pitches and not low <= min(pitches) <= max(pitches) <= high:
        found.append(f"{min(pitches)} to {max(pitches)} not in {low} to {high}")
    if request.end_on:
        key = re.search(r"\nK:(.*)", tune)[1]
        bare = music21.converter.parse(_without_grace(tune), format="abc")
        last = list(bare.recurse().notes)[-1]
        if not last.isNote or (last.pitch.midi - tonic(key)) % 12:
            found.append(f"ends on {last.pitches}, in {key}")
    if request.form:
        found += _of_form(_without_grace(tune), request)
    return found


def _plain(tune):
    """The same notes without marks and with lengths that music21 reads rightly."""
    header, _, key_and_music = tune.partition("\nK:")
    key, _, music = key_and_music.partition("\n")
    marks = r'"[^"]*"|![^!]*!|\((?!\d)|\)|[~.HLMTuv]'
    music = re.sub(marks, "", music)
    for odd, plain in ((r"(?<!/)//", "/4"), (r"/(?!\d)", "/2")):
        music = re.sub(odd, plain, music)
    return f"{header}\nK:{key}\n{music.replace('::', ':| |:')}"


def _without_grace(tune):
    """Without what music21 takes for a note of a tuplet."""
    return re.sub(r"\{[^}]*\}", "", tune)


def _of_form(tune, request):
    header, _, key_and_music = tune.partition("\nK:")
    key, _, music = key_and_music.partition("\n")
    sections = _sections(music)
    letters = sorted(set(request.form))
    if len(sections) != len(letters):
        return [f"{len(sections)} sections, not {len(letters)}"]
    bars = request.bars
    bars = [bars] * len(letters) if isinstance(bars, int) else bars
    meter = re.search(r"\nM:(.*)", header)[1]
    full = 4 * float(Fraction({"C": "4/4", "C|": "4/4"}.get(meter, meter)))
    found, pickups = [], set()
    for letter, count, (opened, music, repeated) in zip(
        letters, bars, sections, strict=True
    ):
        twice = request.form.count(letter) == 2
        if (opened, repeated) != (twice, twice):
            found.append(f"{letter}: |: is {opened}, :| is {repeated}")
        # music21 reads a section by itself.
        lengths = _lengths(f"{header}\nK:{key}\n{music}|\n")
        short = len(lengths) == count + 1
        pickups.add(lengths[0] if short else 0)
        whole = lengths[1:-1] if short else lengths
        if short and abs(lengths[0] + lengths[-1] - full) > 1e-3:
            found.append(f"{letter}: {lengths[0]} and {lengths[-1]} are no bar")
        if len(lengths) - short != count or any(
            abs(length - full) > 1e-3 for length in whole
        ):
            found.append(f"{letter}: bars {lengths}, not {count}")
    if len(pickups) > 1:
        found.append(f"pickups of {pickups}")
    if request.pickup is not None and request.pickup != (pickups != {0}):
        found.append(f"pickups of {pickups}, where it should be {request.pickup}")
    return found


def _sections(music):
    """What stands between repeats and double bars: opened, music, repeated."""
    found, opened, bars = [], False, ""
    for part in _LINE.split(music.replace("\n", " ")):
        line = _LINE.fullmatch(part)
        if line and (part.startswith(":") or part in ("||", "|]", "|:")):
            if bars.strip("| "):
                found.append((opened, bars, part.startswith(":")))
                opened, bars = False, ""
            opened = part in ("|:", "::")
        elif line:
            bars += "|"
        else:
            if part.startswith(":"):  # of :|:
                opened, part = True, part[1:]
            bars += part
    if bars.strip("| "):
        found.append((opened, bars, False))
    return found


def _lengths(tune):
    """Quarters in each bar that has any."""
    import music21

    score = music21.converter.parse(re.sub(r"\|[| ]*\|", "|", tune), format="abc")
    bars = score.parts[0].getElementsByClass(music21.stream.Measure)
    if not bars:
        return [float(sum(n.quarterLength for n in score.recurse().notesAndRests))]
    lengths = (
        float(sum(n.quarterLength for n in bar.recurse().notesAndRests)) for bar in bars
    )
    return [length for length in lengths if length]
