"""The tables that the constraint reads, made for a vocabulary."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seq.music.grammar._actions import ACTIONS, NAMES, NUMBER
from keras_seq.music.grammar._bars import BEGUN, EMPTY, FIRST, LATER, Mode, modes
from keras_seq.music.grammar._lengths import (
    BROKEN,
    EVEN,
    LENGTHS,
    NEVER,
    Rhythm,
    Row,
    Rows,
)
from keras_seq.music.grammar._music import LETTERS, SIGN, places
from keras_seq.music.grammar._places import QUOTED, SAFE, TEXT, Places

OVER = "over"  # the place behind the end of the tune
SLOTS = 2  # of the actions: for the bar lines, which action it is the ticks decide
_SAFE = ".'-()!?#+&"


class Tables(NamedTuple):
    """What is looked up. V tokens, P places, M modes, R rows, A actions."""

    action: np.ndarray  # (P, V): the action, behind the slots
    place: np.ndarray  # (P, V): the place behind
    closing: np.ndarray  # (P, V): characters from there to where notes may go on
    bar_ticks: np.ndarray  # (P,): what the action "meter" reads
    letter: np.ndarray  # (V,): number of a note's letter, from 1; 0 for others
    same_letter: np.ndarray  # (letters, V): what may come behind a tie
    written_closing: np.ndarray  # (P, V): `closing` where a model may write the token
    mode: np.ndarray  # (M, A): the mode behind
    unwritten: np.ndarray  # (M, A): `NEVER` for what a model may not write
    mode_costs: np.ndarray  # (M, 3, A): the tail, the stop, whether one bar more
    mode_pickup: np.ndarray  # (M, 4, A): the pickup counts, is owed; tied; may stop
    keeps_pickup: np.ndarray  # (M, A): whether the register is kept
    tied: np.ndarray  # (M,)
    in_upbeat: np.ndarray  # (M,): whether this is the tune's first bar
    bar_line: np.ndarray  # (M, 7): what a bar line may be, as `bar_line_facts`
    row: np.ndarray  # (R, A): the row behind
    row_ticks: np.ndarray  # (R,)
    row_open: np.ndarray  # (R,): whether a note is open
    cost: np.ndarray  # (R, ticks + 3)
    ticks: np.ndarray  # (5, A): `Ticks` of the actions
    shortest: int  # characters of the shortest tune, its end among them


def text_character(token: str) -> bool:
    """Whether a token may stand in a text; `readable` sees bare % and backslashes."""
    return len(token) == 1 and token.isprintable() and token != " "


def safe_character(token: str) -> bool:
    """Whether every reader of tunes takes a token in a text for text."""
    if len(token) != 1 or not token.isprintable():
        return False
    # Beyond ASCII, what lower case makes a letter of a sign of is left out.
    ascii_folded = token.casefold().isascii()
    return (token.isalnum() and token.isascii() == ascii_folded) or token in _SAFE


def compile_tables(tokens: Sequence[str], end: int, unknown: int) -> Tables:
    """Makes the tables.

    Args:
        tokens: The characters of the vocabulary, "" for what is no character.
        end: Number of the token that ends a tune.
        unknown: Number of that for a character which is not in the vocabulary: in a
            prompt it may stand in a text.

    Returns:
        The tables.

    Raises:
        ValueError: If a tune can't be written with these characters.
    """
    tokens = list(tokens)
    declared = places()
    rows = Rows(_writable(LENGTHS, tokens))
    names = [*declared.names(), OVER]
    number = {name: i for i, name in enumerate(names)}
    shape = (len(names), len(tokens))
    action = np.full(shape, -1, "int32")
    place = np.zeros(shape, "int32")
    written = np.zeros(shape, "bool")
    for name, edges in declared.edges.items():
        for token, character in enumerate(tokens):
            edge = edges.get(character)
            if edge is None and safe_character(character):
                edge = edges.get(SAFE) or edges.get(QUOTED)
            if edge is None and (text_character(character) or token == unknown):
                edge = edges.get(TEXT)
            if edge and edge.action == "meter":
                # With these characters no notes may fill such a bar.
                edge = edge if rows.bar(declared.values[name]) < NEVER else None
            if edge:
                action[number[name], token] = _slot(edge.action)
                written[number[name], token] = edge.written
                place[number[name], token] = number[edge.place]
    action[number["line"], end] = _slot("end")
    place[number["line"], end] = number[OVER]
    written[number["line"], end] = True
    written[:, unknown] = False
    # What people write may lead through what a model may not.
    people, closing = (
        _closing(declared, names, each, place, rows)
        for each in (action, np.where(written, action, -1))
    )
    all_modes = modes()
    shortest = int(closing[number[""]])
    if shortest >= NEVER:
        raise ValueError(_missing(tokens))
    letter = np.array(
        [1 + LETTERS.index(t) if t and t in LETTERS else 0 for t in tokens], "int32"
    )
    return Tables(
        action=np.where(action < 0, SLOTS + len(NAMES), action).astype("int32"),
        place=place,
        closing=np.where(action >= 0, people[place], NEVER).astype("int32"),
        bar_ticks=np.array([declared.values.get(n, 0) for n in names], "int32"),
        written_closing=np.where(written, closing[place], NEVER).astype("int32"),
        letter=letter,
        same_letter=(letter == 0)
        | (letter == np.arange(1 + len(LETTERS))[:, None])
        | (np.arange(1 + len(LETTERS)) == 0)[:, None],
        row=_row_table(rows),
        row_ticks=rows.ticks,
        row_open=np.array([row.length is not None for row in rows.all]),
        cost=rows.cost.astype("int32"),
        ticks=np.array(list(ACTIONS.values()), "int32").T,
        shortest=shortest,
        **_mode_tables(all_modes),
    )


def _writable(words: dict, tokens: Sequence[str]) -> list[str]:
    known = set(tokens)
    return [word for word in words if set(word) <= known]


def _slot(action: str) -> int:
    """Where an action stands: behind the slots, or in one."""
    if action in ("pipe", "colon"):
        return ("pipe", "colon").index(action)
    return SLOTS + NUMBER[action]


def _closing(
    declared: Places,
    names: list[str],
    action: np.ndarray,
    place: np.ndarray,
    rows: Rows,
) -> np.ndarray:
    """Characters from each place to where notes or bar lines may go on: (P,).

    Those of the header lead to the end of the tune, with the longest of the bars that
    can be the shortest.
    """
    number = {name: i for i, name in enumerate(names)}
    free = {_slot(n) for n in ("before note", "before free note", "within", "field")}
    free |= {_slot("accidental"), _slot("accidental within")}
    header = {_slot(n) for n in ("text", "meter", "begin")}
    # Where a note or more of its length may come, or a bar line.
    notes = {_slot("note"), *(_slot(n) for n in NAMES if n.startswith("length "))}
    found = np.full(len(names), NEVER, "int32")
    in_header, in_music = [], []
    for i, name in enumerate(names):
        actions = set(action[i]) - {-1}
        if actions and actions <= header:
            in_header.append(i)
        else:
            in_music.append(i)
            if actions & notes and "[" not in name:
                found[i] = 0
            elif {_slot("pipe"), _slot("of the line")} & actions and "[" not in name:
                found[i] = 0 if name != ":" else 1
    found[number[OVER]] = 0
    _spread(found, in_music, action, place, free)
    signs = [i for i in in_music if names[i] == '"' or names[i].startswith(SIGN)]
    _close_signs(found, signs, action, place, number["sign"])
    for i, name in enumerate(names):
        # The first note of a chord is counted as a note; what closes it is not.
        if "[" in name and _slot("chord") in action[i]:
            found[i] = found[place[i][action[i] == _slot("chord")]].min()
    bars = [rows.bar(ticks) for ticks in declared.values.values()]
    bar = max((cost for cost in bars if cost < NEVER), default=NEVER)
    begin = number["line"]
    kept = found[begin]
    found[begin] = bar + 4
    _spread(found, in_header, action, place, header)
    found[begin] = kept
    return found


def _close_signs(
    found: np.ndarray,
    signs: list[int],
    action: np.ndarray,
    place: np.ndarray,
    sign: int,
) -> None:
    """Where a text may become a sign, gives the way to that and one character more.

    Which way is open, to a sign or to another text, hangs on what is left of the bar;
    from each of these places one more is enough for the other.
    """
    to_sign = np.full_like(found, NEVER)
    to_sign[sign] = 0
    _spread(to_sign, signs, action, place, {_slot("before sign"), _slot("sign")})
    found[signs] = np.minimum(to_sign[signs] + 1, NEVER)


def _spread(
    found: np.ndarray,
    among: list[int],
    action: np.ndarray,
    place: np.ndarray,
    free: set[int],
) -> None:
    """Gives each of these places one more than what it leads to, where that is less."""
    before: dict[int, set[int]] = {}
    for i in among:
        for token in np.flatnonzero(np.isin(action[i], list(free))):
            before.setdefault(int(place[i, token]), set()).add(i)
    waiting = deque(np.flatnonzero(found < NEVER).tolist())
    while waiting:
        at = waiting.popleft()
        for i in before.get(at, ()):
            if found[i] > found[at] + 1:
                found[i] = found[at] + 1
                waiting.append(i)


def _mode_tables(all_modes: list[Mode]) -> dict[str, np.ndarray]:
    number = {mode: i for i, mode in enumerate(all_modes)}
    shape = (len(all_modes), len(NAMES))
    behind = np.full(shape, -1, "int32")
    costs = np.full((len(all_modes), 3, len(NAMES)), NEVER, "int32")
    pickup = np.zeros((len(all_modes), 4, len(NAMES)), "int32")
    facts = np.zeros((len(all_modes), 7), "int32")
    for i, mode in enumerate(all_modes):
        facts[i] = bar_line_facts(mode)
        for j, action in enumerate(NAMES):
            after = mode.after(action)
            if after is None:
                continue
            behind[i, j] = number[after]
            if not after.music:
                costs[i, :, j] = NEVER, 0, 0
                pickup[i, 3, j] = mode.owes()
                continue
            stop = after.stop()
            ended = 1 if action == "line" and stop == 0 else 2
            costs[i, :, j] = after.tail() + 2, stop + ended, after.one_more_bar()
            over = after.owes() and stop < NEVER
            # A slur can't end between a sign and its bar line.
            sign = action in ("before sign", "sign")
            tied = after.tie == 1 or (sign and after.slurs > 0)
            pickup[i, :, j] = after.counts_pickup(), after.owes(), tied, over
    unwritten = [[0 if m.written(name) else NEVER for name in NAMES] for m in all_modes]
    return {
        "mode": behind,
        "unwritten": np.array(unwritten, "int32"),
        "mode_costs": costs,
        "mode_pickup": pickup,
        "tied": np.array([mode.tie == 1 for mode in all_modes], "int32"),
        "in_upbeat": np.array([mode.phase == FIRST[0] for mode in all_modes]),
        "keeps_pickup": np.array(
            [[mode.keeps_pickup(name) for name in NAMES] for mode in all_modes], "int32"
        ),
        "bar_line": facts,
    }


def bar_line_facts(mode: Mode) -> tuple[int, ...]:
    """What a bar line may be in a mode, before the ticks are looked at.

    Returns:
        Whether | may end the section; whether the section's pickup is paid for;
        whether the next may pay for this bar; whether a pickup may end here, any; one
        that is owed; whether the bar is empty; whether the first ending has
        paid for the pickup, so that a short bar in the second must be paid for itself.
    """
    if not mode.music:
        return (0,) * 7
    return (
        int(mode.ends(colon=False)),
        int(mode.paid()),
        int(mode.may_owe()),
        int(mode.phase in FIRST[:2]),
        int(mode.phase == FIRST[2]),
        int(mode.phase in (*EMPTY, *BEGUN) or mode.waits),
        int(mode.repeat == "second ending" and mode.phase in LATER),
    )


def _row_table(rows: Rows) -> np.ndarray:
    table = np.full((len(rows.all), len(NAMES)), -1, "int32")
    for i, row in enumerate(rows.all):
        for j, action in enumerate(NAMES):
            after = _row_after(row, action)
            if after is not None and after in rows.number:
                table[i, j] = rows.number[after]
    return table


def _row_after(row: Row, action: str) -> Row | None:
    """The row behind an action, None where it is not allowed."""
    if action in ("within", "accidental within", "octave"):
        return row
    if action.startswith("length "):
        longer = action.removeprefix("length ")
        return row._replace(length=longer) if row.length == longer[:-1] else None
    rhythm = row.rhythm if row.length is None else row.rhythm.after_note()
    if action in ("note", "rest", "chord"):
        return Row(rhythm, "") if row.must != "bar" else None
    if action in BROKEN:
        if len(action) == 1:
            rhythm = rhythm._replace(broken=action, even=row.length or "")
            even = row.length in EVEN and rhythm.tuplet != "end"
            return Row(rhythm, must="note") if even and not row.rhythm.broken else None
        if rhythm.broken != action[0]:
            return None
        return Row(rhythm._replace(broken=action), must="note")
    if action.startswith("tuplet "):
        number = action.removeprefix("tuplet ")
        return Row(Rhythm(number, int(number))) if rhythm.settled else None
    if action in ("before note", "before free note", "accidental", "slur"):
        return Row(rhythm, must="note")
    if action == "before sign":
        return Row(rhythm, must="" if rhythm.settled else "note")
    if action in ("end of slur", "tie"):
        return Row(rhythm, must="note" if rhythm.broken else "")
    if action == "bracket":
        return Row(rhythm, must="note")
    if action in ("first ending", "second ending"):
        return Row(rhythm)
    if action == "sign":
        return Row(rhythm, must="bar") if rhythm.settled else None
    settled = rhythm.settled and row.must != "note"
    return Row(Rhythm()) if settled else None


def _missing(tokens: Sequence[str]) -> str:
    """What a vocabulary lacks with which no tune can be written."""
    known = set(tokens)
    needed = [c for c in "T:\nML/1K|" if c not in known]
    groups = {
        "a meter such as 4/4": "C23456789",
        "a unit length such as 1/8": "2468",
        "a key such as D": "ABCDEFG",
        "a note": LETTERS,
    }
    lacking = [repr(c) for c in needed]
    lacking += [
        f"{name} (one of {c})" for name, c in groups.items() if not known & set(c)
    ]
    if not any(map(safe_character, tokens)):
        lacking.append("characters for a title")
    return (
        "`vocabulary` must have the characters of a whole tune; it lacks "
        + (", ".join(lacking) or "some that a whole bar needs")
        + "."
    )
