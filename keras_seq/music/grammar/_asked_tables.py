"""What a request needs of the grammar, as arrays for a vocabulary."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seq.music.abc import key_signature
from keras_seq.music.abc._key import LETTERS as NAMES_OF_LETTERS
from keras_seq.music.abc._key import SEMITONES
from keras_seq.music.grammar._actions import COLONS, NAMES, PIPES
from keras_seq.music.grammar._bars import (
    EMPTY,
    ENDED,
    ENDS,
    FIRST,
    LATER,
    OPENED,
    PICKED,
    PIPED,
    TURNED,
    UPBEAT,
    Mode,
    modes,
)
from keras_seq.music.grammar._lengths import LENGTHS, NEVER, TICKS, Rows
from keras_seq.music.grammar._music import LETTERS, places
from keras_seq.music.grammar._places import Edge

# What a token of music is, to the pitch.
NOTE, CHORD, GRACE, ACCIDENTAL, OCTAVE = range(1, 6)
# Where in a section: nowhere; before its notes; in its first bar; behind it; behind its
# last bar, before what ends it; where another section pays for its pickup.
NOWHERE, FRESH, BEGUN, GOING, CLOSING, OWING = range(6)
# Behind a bar that must be the last of all, how many notes must come: none, one, or one
# behind a note that can't be the tonic.
NEEDS = 3
TONICS = [letter + sign for letter in NAMES_OF_LETTERS for sign in ("", "#", "b")]
MODES = ("maj", "min", "dor", "mix", "phr", "lyd", "loc", "ion", "aeo")
_MARKS = {",": -12, "'": 12}
_ACCIDENTALS = {"^": 1, "_": -1, "=": 0}


class AskedTables(NamedTuple):
    """What is looked up. V tokens, P places, M modes, R rows, A actions."""

    kind: np.ndarray  # (P, V): NOTE, CHORD, ...; 0 for what has no pitch
    pitch: np.ndarray  # (V,): MIDI note of a letter, without key and marks
    letter: np.ndarray  # (V,): 0 to 6 for C to B
    alters: np.ndarray  # (V,): semitones of an accidental
    mark: np.ndarray  # (V,): semitones of an octave mark
    marked: np.ndarray  # (V,): those of the mark that may follow a letter; 0 for none
    needs: np.ndarray  # (P,): 2 where the next note can't be the last of all
    reach: np.ndarray  # (P,): characters from there to where a repeat has begun
    tonic: np.ndarray  # (P,): number of the tonic that has been read, -1 for none
    key_mode: np.ndarray  # (P,): the mode before the end of a key
    alterations: np.ndarray  # (tonics, modes, 7)
    tonics: np.ndarray  # (tonics, 2): letter and what alters it
    zone: np.ndarray  # (M,)
    unopened: np.ndarray  # (M,): 1 without a repeat sign
    waits: np.ndarray  # (M,): 1 where nothing but the second ending may come
    slow_end: np.ndarray  # (M,): 1 where | must end the section
    bar: np.ndarray  # (M, A): 1 where a bar is done that is no pickup
    pickup: np.ndarray  # (M, A): 1 where a pickup is
    section: np.ndarray  # (M, A): 1 where a section ends
    banned: np.ndarray  # (M, A): `NEVER` for what no form has
    fill: np.ndarray  # (7 * R * width,): `Rows.cost`, `Rows.costs_of_end` of any last
    # note, and of one of a unit length at least
    longest: int  # characters of the longest bar, at least
    longest_part: int  # of a part of one


def asked_tables(tokens: Sequence[str]) -> AskedTables:
    """Makes the tables.

    Args:
        tokens: The characters of the vocabulary, "" for what is no character.
    """
    tokens = list(tokens)
    declared = places()
    rows = Rows([w for w in LENGTHS if set(w) <= set(tokens)])
    names = [*declared.names(), "over"]
    kind = np.zeros((len(names), len(tokens)), "int32")
    number = {name: i for i, name in enumerate(names)}
    for name, character, edge in declared.leading():
        if character in tokens:
            kind[number[name], tokens.index(character)] = _kind(character, edge)
    keys = [_key(name) for name in names]
    of_notes = {t: _letter(t) for t in tokens if t and t in LETTERS}
    pitch, letter, marked = (
        np.array([of_notes.get(t, (0, 0, 0))[i] for t in tokens], "int32")
        for i in range(3)
    )
    has = [any(_MARKS.get(t) == by for t in tokens) for by in marked]
    fill = [rows.cost, *rows.costs_of_end(1), *rows.costs_of_end(TICKS)]
    bars = [rows.bar(ticks) for ticks in declared.values.values()]
    return AskedTables(
        kind=kind,
        pitch=pitch,
        letter=letter,
        alters=np.array([_ACCIDENTALS.get(t, 0) for t in tokens], "int32"),
        mark=np.array([_MARKS.get(t, 0) for t in tokens], "int32"),
        marked=np.where(has, marked, 0).astype("int32"),
        needs=np.array([_needs(name) for name in names], "int32"),
        reach=np.array([_reach(name) for name in names], "int32"),
        tonic=np.array([tonic for tonic, _ in keys], "int32"),
        key_mode=np.array([mode for _, mode in keys], "int32"),
        alterations=_alterations(),
        tonics=np.array(
            [
                (NAMES_OF_LETTERS.index(t[0]), {"#": 1, "b": -1}.get(t[1:], 0))
                for t in TONICS
            ],
            "int32",
        ),
        fill=np.concatenate([each.reshape(-1) for each in fill]).astype("int32"),
        longest=max(cost for cost in bars if cost < NEVER),
        longest_part=max(cost for cost in rows.cost[0] if cost < NEVER),
        **_of_modes(modes()),
    )


def _kind(character: str, edge: Edge) -> int:
    if edge.place.endswith((",", "'")) and character in LETTERS:
        kinds = {"note": NOTE, "chord": CHORD, "within": CHORD}
        return kinds.get(edge.action, GRACE if "{g" in edge.place else 0)
    if edge.place.endswith(" octave"):
        return OCTAVE
    accidentals = ("accidental", "accidental within")
    return ACCIDENTAL if edge.action in accidentals else 0


def _letter(token: str) -> tuple[int, int, int]:
    """MIDI note, number of the letter, semitones of its octave mark."""
    number = NAMES_OF_LETTERS.index(token.upper())
    high = token.islower()
    return 60 + 12 * high + SEMITONES[number], number, 12 if high else -12


def _needs(name: str) -> int:
    before_chord = ("[", "[ of bar", "^[", "_[", "=[")
    return 2 * (
        name in (*before_chord, "^note", "_note", "=note", "^plain", "_plain", "=plain")
    )


def _reach(name: str) -> int:
    return {"bar": 3, "||": 3, ":|": 3, ":": 3, "|": 1}.get(name, 2)


def _key(name: str) -> tuple[int, int]:
    """The tonic that has been read at a place, and the mode if the key ends there."""
    field, _, rest = name.partition(":")
    if field not in ("K", "K of music") or not rest:
        return -1, 0
    tonic = -1
    if rest[0] == "*":
        mode = rest[1:]
    else:
        width = 2 if rest[1:2] in ("#", "b") else 1
        tonic, mode = TONICS.index(rest[:width]), rest[width:]
    short = mode.strip().lower()[:3]
    short = {"": "maj", "m": "min"}.get(short, short)
    return tonic, MODES.index(short) if short in MODES else 0


def _alterations() -> np.ndarray:
    found = np.zeros((len(TONICS), len(MODES), 7), "int32")
    for i, tonic in enumerate(TONICS):
        for j, mode in enumerate(MODES):
            try:
                found[i, j] = key_signature(f"{tonic} {mode}").alterations
            except ValueError:  # the grammar has none such
                continue
    return found


def _zone(mode: Mode) -> int:
    if not mode.music:
        return NOWHERE
    if mode.owes() or mode.phase.startswith("owing"):
        return OWING
    if mode.phase in (*EMPTY, *OPENED.values()):
        return FRESH
    if mode.phase in FIRST:
        return BEGUN
    closing = (*PIPED[:2], *TURNED, *ENDS, *ENDED)
    return CLOSING if mode.phase in closing else GOING


def _of_modes(all_modes: list[Mode]) -> dict[str, np.ndarray]:
    bar, pickup, section, banned = (
        np.zeros((len(all_modes), len(NAMES)), "int32") for _ in range(4)
    )
    no_form = ("first ending", "second ending", "pipe, owing", "colon, owing")
    for i, mode in enumerate(all_modes):
        for j, action in enumerate(NAMES):
            after = mode.after(action)
            if after is None:
                continue
            in_bar = mode.phase in (*FIRST, *LATER)
            line = action in (*PIPES, *COLONS) and action != "pipe, empty"
            pickup[i, j] = in_bar and action in ("pipe, pickup", "pipe, paid pickup")
            bar[i, j] = in_bar and line and not pickup[i, j]
            outside = (*EMPTY, *OPENED.values())
            section[i, j] = (
                mode.music and mode.phase not in outside and after.phase in EMPTY
            )
            # A pickup before |: isn't repeated: no bar completes it.
            early = action == "open" and mode.phase in (UPBEAT, *PICKED)
            empty = action == "double" and mode.phase in OPENED.values()
            if action in no_form or early or empty:
                banned[i, j] = NEVER
    return {
        "zone": np.array([_zone(mode) for mode in all_modes], "int32"),
        "unopened": np.array([mode.repeat == "" for mode in all_modes], "int32"),
        "waits": np.array([mode.waits for mode in all_modes], "int32"),
        "slow_end": np.array([mode.phase == ENDS[0] for mode in all_modes], "int32"),
        "bar": bar,
        "pickup": pickup,
        "section": section,
        "banned": banned,
    }
