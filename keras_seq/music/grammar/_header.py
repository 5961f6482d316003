"""The header of a tune: T, R, M, L, Q and K, in this order; R and Q may be missing."""

from fractions import Fraction

from keras_seq.music.abc import key_signature
from keras_seq.music.grammar._lengths import LONGEST_BAR, TICKS
from keras_seq.music.grammar._places import QUOTED, SAFE, TEXT, Places

METERS = {
    "C": Fraction(1),
    "C|": Fraction(1),
    **{
        f"{over}/{under}": Fraction(over, under)
        for under, overs in {
            2: (2, 3, 4),
            4: (2, 3, 4, 5, 6, 7, 9),
            8: (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15),
            16: (3, 6, 9, 12),
        }.items()
        for over in overs
    },
}
UNITS = ("1/2", "1/4", "1/8", "1/16", "1/32")
_SHORTEST_BAR = Fraction(1, 2)  # unit lengths

_TONICS = [letter + sign for letter in "ABCDEFG" for sign in ("", "#", "b")]
_MODES = (
    *("major", "minor", "dorian", "mixolydian", "phrygian", "lydian", "locrian"),
    *("ionian", "aeolian"),
)
_HORNPIPES = ("C", "2/4", "4/4")
KNOWN = {
    "M": f"of meters it has {', '.join(METERS)}",
    "L": f"of lengths it has {', '.join(UNITS)}, of which a bar has {LONGEST_BAR} at "
    "most",
    "K": f"of keys it has A to G, with # or b, in {', '.join(_MODES)}",
}
_BEATS = ("1/8", "1/4", "3/8", "1/2", "3/4")


def add_header(places: Places, music: str) -> None:
    """Adds the header.

    Args:
        places: The places; the first is "".
        music: The place behind the header.
    """
    _add_text(places, "", "T:", "title")
    _add_text(places, "title\n", "R:", "type")
    _add_hornpipe(places)
    for of in ("title\n", "type\n"):
        places.add(of, "M", "text", "M")
    places.add("M", ":", "text", "M:")
    for meter, length in METERS.items():
        _add_meter(places, meter, length)
    _add_tempo(places)
    for of in ("L\n", "Q\n"):
        places.add(of, "K", "text", "K")
    add_key(places, "K", "text", "begin", music)


def add_key(places: Places, place: str, action: str, end: str, to: str) -> None:
    """Adds the rest of a K: line.

    Args:
        places: The places.
        place: That behind the K.
        action: What its characters do.
        end: What its newline does.
        to: The place behind it.
    """
    places.add(place, ":", action, f"{place}:")
    for key in keys():
        for i, character in enumerate(key):
            before, behind = _key_place(key[:i]), _key_place(key[: i + 1])
            places.add(f"{place}:{before}", [character], action, f"{place}:{behind}")
        places.add(f"{place}:{_key_place(key)}", "\n", end, to)


def keys() -> list[str]:
    """All keys, in the spellings that are known."""
    found = []
    for tonic in _TONICS:
        for mode in _MODES:
            try:
                key_signature(f"{tonic} {mode}")
            except ValueError:  # more than seven sharps or flats
                continue
            short = ["", *(mode[:3], mode[:3].title())]
            whole = [*(space + m for space in ("", " ") for m in (mode, mode.title()))]
            spellings = [*short[1:], *whole, *(f" {m}" for m in short[1:])]
            spellings += {"major": [""], "minor": ["m"]}.get(mode, [])
            found += [tonic + spelling for spelling in spellings]
    return found


def _key_place(written: str) -> str:
    """One place for all keys whose rest is the same.

    The modes that go with a tonic hang on its sharps; then the rest of the word
    does not hang on the tonic.
    """
    if len(written) > 1 and written[1] in "#b":
        tonic, rest = written[:2], written[2:]
    else:
        tonic, rest = written[:1], written[1:]
    if rest.strip() and len(rest.strip()) > 2:
        return f"*{rest}"
    return tonic + rest


def _add_text(places: Places, place: str, field: str, name: str) -> None:
    places.add(place, field[0], "text", field[0])
    places.add(field[0], field[1], "text", field)
    for at in (field, name):
        places.add(at, [SAFE], "text", name)
        places.add(at, [TEXT], "text", name, written=False)
    places.add(name, " ", "text", name)
    places.add(name, "\n", "text", f"{name}\n")


def _add_hornpipe(places: Places) -> None:
    """A hornpipe that says so is written in the meters in which abc2midi plays it."""
    word = "hornpipe"
    for i, letter in enumerate(word):
        at = "R:" if not i else f"R:{word[:i]}"
        for character in {letter, letter.upper() if not i else letter}:
            places.add(at, character, "text", f"R:{word[: i + 1]}")
    for i in range(1, len(word)):
        places.copy(f"R:{word[:i]}", of="type")
    places.add(f"R:{word}", [SAFE, " "], "text", f"R:{word}")
    places.add(f"R:{word}", [TEXT], "text", f"R:{word}", written=False)
    places.add(f"R:{word}", "\n", "text", f"{word}\n")
    places.add(f"{word}\n", "M", "text", f"{word} M")
    places.add(f"{word} M", ":", "text", f"{word} M:")
    for meter in METERS:
        for i, character in enumerate(meter):
            at, behind = (f"{word} M:{meter[:j]}" for j in (i, i + 1))
            known, begun = (
                any(m.startswith(meter[:j]) for m in _HORNPIPES) for j in (i, i + 1)
            )
            # Whoever has begun another one has it ended.
            places.add(at, character, "text", behind, written=begun or not known)
        places.add(f"{word} M:{meter}", "\n", "text", f"M:{meter}\n")


def _add_meter(places: Places, meter: str, length: Fraction) -> None:
    for i, character in enumerate(meter):
        places.add(f"M:{meter[:i]}", [character], "text", f"M:{meter[: i + 1]}")
    after = f"M:{meter}\n"
    places.add(f"M:{meter}", "\n", "text", after)
    places.add(after, "L", "text", f"{after}L")
    places.add(f"{after}L", ":", "text", f"{after}L:")
    for unit in UNITS:
        bar = length / Fraction(unit)
        if not _SHORTEST_BAR <= bar <= LONGEST_BAR or (4 * bar).denominator > 1:
            continue
        for i, character in enumerate(unit):
            before = f"{after}L:{unit[:i]}"
            places.add(before, [character], "text", f"{after}L:{unit[: i + 1]}")
        places.values[f"{after}L:{unit}"] = int(bar * TICKS)
        places.add(f"{after}L:{unit}", "\n", "meter", "L\n")


def _add_tempo(places: Places) -> None:
    """Beats of two or three digits a minute; before them a beat, behind them a text."""
    places.add("L\n", "Q", "text", "Q")
    places.add("Q", ":", "text", "Q:")
    for beat in _BEATS:
        for i, character in enumerate(beat):
            places.add(f"Q:{beat[:i]}", [character], "text", f"Q:{beat[: i + 1]}")
        places.add(f"Q:{beat}", "=", "text", "Q=")
    digits = "0123456789"
    # Without a beat it is the unit length.
    places.add("Q:", "2", "text", "Q=1")
    places.add("Q:1", digits, "text", "Q=10")
    places.add("Q:", digits[4:], "text", "Q=5")
    places.add("Q=", "12", "text", "Q=1")
    places.add("Q=1", digits, "text", "Q=10")
    places.add("Q=10", digits, "text", "Q=50")
    places.add("Q=", digits[4:], "text", "Q=5")
    places.add("Q=5", digits, "text", "Q=50")
    for place in ("Q=10", "Q=50"):
        places.add(place, "\n", "text", "Q\n")
        places.add(place, " ", "text", "Q= ")
    places.add("Q= ", '"', "text", 'Q= "')
    places.add('Q= "', [QUOTED], "text", 'Q= "text')
    places.add('Q= "text', [QUOTED, " "], "text", 'Q= "text')
    places.add('Q= "text', '"', "text", 'Q= "text"')
    places.add('Q= "text"', "\n", "text", "Q\n")
