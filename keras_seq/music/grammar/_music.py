"""The music of a tune, character by character."""

import re

from keras_seq.music.abc._jumps import sign_of_text
from keras_seq.music.abc._tokens import DECORATIONS
from keras_seq.music.grammar._header import add_header, add_key
from keras_seq.music.grammar._lengths import EVEN, LENGTHS, TUPLETS, prefixes
from keras_seq.music.grammar._places import QUOTED, TEXT, Places

LETTERS = "CDEFGABcdefgab"
_SYMBOLS = "~.HLMTuv"  # those of the standard that send the player nowhere
_MARKED = {"~": "roll", "T": "roll", ".": ".", "H": "."}
SIGN = '"^'  # the place of a text that may become a sign; its letters follow
CHORD_NOTES = 4
_WITHIN_CHORDS = "2468"  # lengths that nothing makes longer
# What a text must not spell, but before a bar line: it sends the player elsewhere.
_SIGNS = [
    *("segno", "sign", "coda", "tocoda", "dacoda", "fine", "end"),
    *(
        jump + end
        for jump in ("dc", "dacapo", "ds", "dalsegno")
        for end in ("", "alfine", "alcoda")
    ),
]
assert all(map(sign_of_text, _SIGNS))


def places() -> Places:
    """All places of a tune, the first of them ""."""
    found = Places()
    add_header(found, "line")
    _add_before_notes(found)
    _add_notes(found)
    _add_chords(found)
    _add_grace_notes(found)
    _add_decorations(found)
    _add_texts(found)
    _add_bar_lines(found)
    add_key(found, "K of music", "field", "field", "line")
    return found


def _letters(places: Places, at: str, action: str, to: str) -> None:
    """The letter of a note, and where each kind of them leads."""
    for letters, mark in (("CDEFGAB", ","), ("cdefgab", "'")):
        places.add(at, letters, action, f"{to}{mark}")


def _octaves(places: Places, note: str, action: str) -> tuple[str, str, str]:
    """Lets an octave mark follow a letter; returns the places behind the note."""
    for mark in ",'":
        places.add(f"{note}{mark}", mark, action, f"{note} octave")
    return f"{note},", f"{note}'", f"{note} octave"


def _accidentals(
    places: Places, at: str, action: str, behind: str, letters: tuple[str, str]
) -> None:
    for accidental in "^_=":
        places.add(at, accidental, action, f"{accidental}{behind}")
        _letters(places, f"{accidental}{behind}", *letters)
    for double in "^_":
        places.add(f"{double}{behind}", double, action, f"={behind}")


def _heads(places: Places, place: str, note: str = "note") -> None:
    """A note, with its accidental, or a rest."""
    _letters(places, place, "note", note)
    _accidentals(places, place, "accidental", note, ("note", note))
    places.add(place, "z", "rest", "plain length " if note == "plain" else "length ")


def _marks(
    places: Places, place: str, without: str = "", *, written: bool = True
) -> None:
    """Marks that stand before a note or a rest, and all but two before a chord too."""
    for symbol in _SYMBOLS:
        if symbol not in without:
            action = "before free note" if symbol == "~" else "before note"
            to = _MARKED.get(symbol, "mark")
            places.add(place, symbol, action, to, written=written)


def _notes(places: Places, place: str, without: str = "") -> None:
    """What may come where a note or what stands before it may come."""
    _heads(places, place)
    _marks(places, place, without)
    if "(" not in without:
        places.add(place, "(", "slur", "(")
    if "[" not in without:
        places.add(place, "[", "before free note", "[")
    if "{" not in without:
        places.add(place, "{", "before free note", "{")
    places.add(place, '"', "before sign", '"')
    places.add(place, "!", "before free note", "!")


def _add_before_notes(places: Places) -> None:
    for place in ("space", "ready", "(", "line within bar"):
        _notes(places, place)
    # abc2midi takes trills and rolls on chords for errors, whatever stands between.
    _heads(places, "decorated")
    places.add("decorated", "!", "before free note", "!")
    _marks(places, "decorated", written=False)
    places.add("decorated", "(", "slur", "(", written=False)
    places.add("decorated", '"', "before sign", '"', written=False)
    # A short or a held note has no part in a broken rhythm, for abc2midi.
    for place in ("broken", "( broken"):
        _heads(places, place)
        _marks(places, place, without=".H")
        places.add(place, "[", "before free note", "[")
    places.add("broken", "(", "slur", "( broken")
    places.add("broken", ")", "end of slur", "broken", written=False)
    for character, place in (
        ("{", "{"),
        ('"', '"'),
        ("!", "!"),
        (".", "."),
        ("H", "."),
    ):
        places.add("broken", character, "before free note", place, written=False)
    _heads(places, "mark")
    _heads(places, "roll")
    _heads(places, ".", note="plain")
    for place in ("mark", "."):
        places.add(place, "[", "before free note", "[")
    for place in ("mark", "roll", "."):
        places.add(place, "(", "slur", "(", written=False)
        places.add(place, _SYMBOLS, "before note", place, written=False)
    for number in TUPLETS:
        places.add("(", number, f"tuplet {number}", "ready")
        places.add("( graced", number, f"tuplet {number}", "graced")
    # One group of grace notes before a note.
    for place in ("graced", "}", "( graced"):
        _heads(places, place)
        _marks(places, place, without="~")
        places.add(place, "~", "before free note", "roll", written=False)
        places.add(place, "[", "before free note", "[")
    for place in ("}", "( graced"):
        places.add(place, "(", "slur", "( graced")
    places.add("}", " ", "before free note", "graced")
    places.add("broken >", ">", ">>", "broken")
    places.add("broken <", "<", "<<", "broken")
    for mark in "><":
        places.copy(f"broken {mark}", of="broken")


def _add_notes(places: Places) -> None:
    """Notes and rests: octave marks, lengths, what may come behind."""
    # A note that is marked . or H has no broken rhythm and no tie; one with an octave
    # mark, a rest or a chord no tie.
    for note in ("note", "plain"):
        own = "" if note == "note" else "plain "
        for place in _octaves(places, note, "octave"):
            tied = note == "note" and place != "note octave"
            _add_lengths(places, place, "tied length " if tied else f"{own}length ")
            _behind_note(places, place, broken=note == "note")
            if tied:
                places.add(place, "-", "tie", "tie")
    _add_lengths(places, "length ", "length ")
    _behind_note(places, "length ")
    _behind_note(places, "closed", broken=False)
    # A tied note may follow at once, behind a space or a bar line.
    _letters(places, "tie", "note", "note")
    places.add("tie", " ", "before note", "space")
    places.add("tie", ")", "end of slur", "tie)")
    places.add("tie", "(", "slur", "(")
    _marks(places, "tie")
    _letters(places, "tie)", "note", "note")
    places.add("tie)", " ", "before note", "space")
    for place in ("tie", "tie)"):
        places.add(place, "|", "pipe", "|")


def _add_lengths(places: Places, place: str, behind: str) -> None:
    """The characters of a length, from the first on."""
    for longer in prefixes(LENGTHS)[1:]:
        written, character = longer[:-1], longer[-1]
        at = behind + written if written else place
        places.add(at, character, f"length {longer}", behind + longer)
        if longer != "1":
            broken = longer in EVEN and not behind.startswith("plain")
            _behind_note(places, behind + longer, broken=broken)
            if behind.startswith("tied"):
                places.add(behind + longer, "-", "tie", "tie")


def _behind_note(places: Places, place: str, *, broken: bool = True) -> None:
    _notes(places, place)
    places.add(place, ")", "end of slur", "closed")
    places.add(place, " ", "before note", "space")
    places.add(place, "\n", "before free note", "line within bar")
    for mark in "><":
        places.add(place, mark, mark, f"broken {mark}", written=broken)
    places.add(place, "|", "pipe", "|")
    places.add(place, ":", "colon", ":")


def _add_chords(places: Places) -> None:
    """Chords: their notes have no lengths, or all the same."""
    _letters(places, "[", "chord", "[1")
    _accidentals(places, "[", "accidental", "[", ("chord", "[1"))
    for place in _octaves(places, "[1", "within"):
        for length in _WITHIN_CHORDS:
            places.add(place, length, f"length {length}", f"[1={length}")
    for count in range(1, CHORD_NOTES + 1):
        for length in _WITHIN_CHORDS:
            note = f"[{count}:{length}"
            if count > 1:
                for place in _octaves(places, note, "within"):
                    places.add(place, length, "within", f"[{count}={length}")
            _add_to_chord(places, f"[{count}={length}", count, length, "closed")
        for place in _octaves(places, f"[{count}", "within"):
            _add_to_chord(places, place, count, "", "length ")


def _add_to_chord(
    places: Places, place: str, count: int, length: str, closed: str
) -> None:
    """One more note of a chord, or its end."""
    if count < CHORD_NOTES:
        note = f"[{count + 1}:{length}" if length else f"[{count + 1}"
        _letters(places, place, "within", note)
        _accidentals(places, place, "accidental within", note, ("within", note))
    places.add(place, "]", "within", closed)


def _add_grace_notes(places: Places) -> None:
    action = "before free note"
    for place in ("{", "{g,", "{g'", "{g octave", "{g2"):
        _letters(places, place, action, "{g")
        _accidentals(places, place, "accidental", "{", (action, "{g"))
    for place in _octaves(places, "{g", action):
        places.add(place, "2/", action, "{g2")
        places.add(place, "}", action, "}")
    places.add("{g2", "}", action, "}")


def _add_decorations(places: Places) -> None:
    for name in sorted(DECORATIONS):
        if sign_of_text(name) or not re.fullmatch("[a-z]+", name):
            continue
        if name in ("breath", "fermata", "invertedfermata"):  # they make it longer
            continue
        for i, character in enumerate(name):
            before, behind = (f"!{name[:j]}" for j in (i, i + 1))
            places.add(before, character, "before free note", behind)
        places.add(f"!{name}", "!", "before free note", "decorated")


def _add_texts(places: Places) -> None:
    """Texts above or below the music, which begin with their place."""
    action, open_ = "before free note", "before sign"
    places.add('"', "^_<>", open_, SIGN)
    places.add('"text', [QUOTED, " "], action, '"text')
    places.add('"text', '"', action, "ready")
    prefixes = {word[:i] for word in _SIGNS for i in range(len(word) + 1)}
    for written in prefixes:
        place = f"{SIGN}{written}"
        places.add(place, [QUOTED], action, '"text')
        places.add(place, " .", open_, place)
        for longer in prefixes:
            if longer and longer[:-1] == written:
                for letter in {longer[-1], longer[-1].upper()}:
                    places.add(place, letter, open_, f"{SIGN}{longer}")
        if written in _SIGNS:
            places.add(place, '"', "sign", "sign")
        else:
            places.add(place, '"', action, "ready")
    places.add("sign", "|", "pipe", "|")
    places.add("sign", ":", "colon", ":")
    # What people write without a place abc2midi takes for chord symbols.
    for word in _SIGNS:
        for letter in {word[0], word[0].upper()}:
            places.add('"', letter, open_, f"{SIGN}{word[0]}", written=False)
    places.add('"', " ", open_, SIGN, written=False)
    places.add('"', [TEXT], action, '"bare', written=False)
    places.add("ready", " ", "before free note", "ready", written=False)
    places.add('"bare', [QUOTED, " "], action, '"bare')
    places.add('"bare', '"', action, "ready")


def _add_bar_lines(places: Places) -> None:
    for place in ("bar", "line", "|", "||", ":|"):
        _notes(places, place, without="[")
        places.add(place, "[", "bracket", "[ of bar")
    places.copy("[ of bar", of="[")
    for place in ("|", "[ of bar"):
        places.add(place, "1", "first ending", "ending")
    for place in (":|", "|", "[ of bar"):
        places.add(place, "2", "second ending", "ending")
    _notes(places, "ending")
    places.add("ending", " ", "before free note", "space")
    for place in ("bar", "|", "||", ":|"):
        places.add(place, "\n", "line", "line")
    for place in ("bar", "||", ":|"):
        places.add(place, " ", "gap", "gap")
    places.add("gap", "[", "bracket", "[ of bar")
    for place in ("line", "gap"):
        places.add(place, "|", "pipe", "|")
    places.add("line", "K", "field", "K of music")
    places.add("|", "|]", "double", "||")
    places.add("|", ":", "open", "bar")
    places.add(":", "|", "of the line", ":|")
    places.add(":", ":", "reopen", "bar")
    places.add(":|", "|]", "thicker", "||")
    places.add(":|", ":", "reopen", "bar")
