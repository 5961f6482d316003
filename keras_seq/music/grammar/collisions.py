"""What can't be obeyed at once, said by name."""

import dataclasses
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from keras_seq.music.abc._key import SEMITONES
from keras_seq.music.grammar._asked_state import as_arrays
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar.constraint import BrokenGrammar, TuneGrammar
from keras_seq.music.request import TuneRequest, tonic_of

# What each thing asked for is made of.
_FIELDS = {
    "form": ("form", "bars", "pickup"),
    "range": ("lowest", "highest", "instrument"),
    "end_on": ("end_on",),
}
_SAFE = 2  # semitones: an accidental moves a letter by so many


class Opening(NamedTuple):
    """How the music begins: as it was typed, and without what is layout alone."""

    typed: str
    music: str

    def place(self, number: int) -> str:
        """Line and column of a character of `music`, as it was typed."""
        at = -1
        for character in self.music[: number + 1]:
            at = self.typed.find(character, at + 1)
        if number >= len(self.music):
            return "at its end"
        before = self.typed[:at]
        line = before.count("\n") + 1
        column = at - before.rfind("\n")
        return f"line {line}, column {column}"


def check_notes(request: TuneRequest, characters: str, key: str | None) -> None:
    """Refuses a range in which the letters of a vocabulary have too few notes."""
    low, high = request.range
    plain = {
        letter: 60 + 12 * letter.islower() + SEMITONES["CDEFGAB".index(letter.upper())]
        for letter in "CDEFGABcdefgab"
        if letter in characters
    }
    name = _name(request)
    safe = {
        c.upper() for c, p in plain.items() if low <= p - _SAFE <= p + _SAFE <= high
    }
    if len(safe) < 2:
        raise ValueError(
            f"{name} must leave two letters at least, among C to b of the tunes that "
            f"were learnt, that stay in it with any accidental; it is "
            f"{_shown(request)}."
        )
    if request.end_on is None:
        return
    if key is None:
        tonics = [(i, by) for i in range(7) for by in (-1, 0, 1)]
    else:
        known = tonic_of(key)
        tonics = [known] if known else []
    written = set(plain.values())
    written |= {p - 12 for c, p in plain.items() if c.isupper() and "," in characters}
    written |= {p + 12 for c, p in plain.items() if c.islower() and "'" in characters}
    for letter, by in tonics:
        here = {p for p in written if (p - SEMITONES[letter]) % 12 == 0}
        if not any(low <= pitch + by <= high for pitch in here):
            tonic = "CDEFGAB"[letter] + {1: "#", -1: "b"}.get(by, "")
            whose = f"of K:{key} " if key is not None else ""
            more = "" if key is not None else "; with a K given it may do"
            raise ValueError(
                f"`end_on` and {name} collide: the tonic {tonic} {whose}is not in "
                f"{_shown(request)}{more}."
            )


def check_collisions(
    grammar: TuneGrammar,
    read: Callable[..., Any],
    prompts: Sequence[str],
    request: TuneRequest,
    opening: Opening,
    max_length: int,
) -> None:
    """Refuses what can't be obeyed, and says which two collide.

    Args:
        grammar: A `TuneGrammar`.
        read: The graph's function that reads how tunes begin.
        prompts: Headers, which are of the grammar.
        request: What is asked.
        opening: How the music begins, `""` for as the model pleases.
        max_length: Characters that may be written.

    Raises:
        ValueError: If a tune can't obey it all.
    """
    headers = list(dict.fromkeys(prompts))
    _check_opening(grammar, headers[0], opening)
    things = [name for name in _FIELDS if _part(request, (name,)).asks]
    if opening.music:
        things.append("opening")
    whole = tuple(things)
    together = [(header, whole) for header in headers]
    _, ends, needed = _read(read, together, request, opening)
    failing = [i for i in range(len(headers)) if not ends[i] or needed[i] > max_length]
    if not failing:
        return
    header, most = headers[failing[0]], int(needed[failing[0]])
    tried = [(header, some) for n in (1, 2) for some in combinations(things, n)]
    good, ok, more = _read(read, tried, request, opening)
    for i, (_, some) in enumerate(tried):
        if ok[i] and more[i] <= max_length:
            continue
        names = [_name(request) if s == "range" else f"`{s}`" for s in some]
        if len(names) == 1:
            names.append("`given`" if not ok[i] or more[i] >= NEVER else "`max_length`")
        if ok[i] and max_length < more[i] < NEVER:
            names[1:] = ["`max_length`"] if len(some) == 1 else [names[1]]
            raise ValueError(
                f"{' and '.join(names)} collide: {_asked(request, some)}: "
                f"{more[i]} characters are needed at least ({_header(header)}); "
                f"`max_length` is {max_length}."
            )
        where = "nothing leads to such an end"
        if "opening" in some:
            at = int(good[i]) - len(header)
            where = "behind the opening " + where
            if not ok[i]:
                where = (
                    f"{opening.place(at)} of the opening: came {opening.music[at]!r}"
                )
        with_header = f" ({_header(header)})" if len(some) == 1 else ""
        raise ValueError(
            f"{' and '.join(names)} collide{with_header}: no tune has "
            f"{_asked(request, some)}; {where}."
        )
    if not ends[failing[0]] or most >= NEVER:
        raise ValueError(
            f"`given` ({_header(header)}), {', '.join(f'`{t}`' for t in whole)} "
            "collide, all of them at once: nothing leads to such an end."
        )
    raise ValueError(
        f"{' and '.join(f'`{t}`' for t in whole)} ({_header(header)}) collide with "
        "`max_length`: "
        f"{most} characters are needed at least; `max_length` is {max_length}."
    )


def _check_opening(grammar: TuneGrammar, header: str, opening: Opening) -> None:
    if not opening.music:
        return
    try:
        more = grammar.check(header + opening.music)
    except BrokenGrammar as error:
        place = opening.place(error.place - len(header))
        raise ValueError(
            f"`opening` and `given` collide ({_header(header)}): {place}: {error.said}."
        ) from None
    if more >= NEVER:
        raise ValueError(
            f"`opening` and `given` collide ({_header(header)}): nothing ends such a "
            "tune."
        )


def _read(
    read: Callable[..., Any],
    tried: Sequence[tuple[str, tuple[str, ...]]],
    request: TuneRequest,
    opening: Opening,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    texts = [h + (opening.music if "opening" in some else "") for h, some in tried]
    parts = [_part(request, some) for _, some in tried]
    free = [
        "opening" in some and not opening.music.startswith("|:") for _, some in tried
    ]
    good, whole, more = read(texts, *as_arrays(parts, free))
    return good.numpy(), whole.numpy(), more.numpy()


def _part(request: TuneRequest, names: Sequence[str]) -> TuneRequest:
    """What is asked, with nothing but some of it."""
    kept = {field for name in names for field in _FIELDS.get(name, ())}
    others = [f for fields in _FIELDS.values() for f in fields if f not in kept]
    nothing: dict[str, Any] = dict.fromkeys(others)
    return dataclasses.replace(request, **nothing)


def _name(request: TuneRequest) -> str:
    if request.instrument is not None:
        return "`instrument`"
    given = [n for n in ("lowest", "highest") if getattr(request, n) is not None]
    return " and ".join(f"`{name}`" for name in given)


def _shown(request: TuneRequest) -> str:
    if request.instrument is not None:
        return f"the range of the {request.instrument}"
    return f"{request.lowest or 'any low note'} to {request.highest or 'any high one'}"


def _asked(request: TuneRequest, some: Sequence[str]) -> str:
    said = {
        "form": f"form {request.form} of {request.bars or 8} bars",
        "range": _shown(request),
        "end_on": "an end on the tonic",
        "opening": "the opening",
    }
    if request.pickup is not None:
        said["form"] += f" and {'a' if request.pickup else 'no'} pickup"
    return " and ".join(said[name] for name in some)


def _header(header: str) -> str:
    return ", ".join(header.strip().split("\n")[1:])
