"""What is asked of tunes, and what is known of them, as registers."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seq.music.grammar._machine import Registers
from keras_seq.music.request import MOST_SECTIONS, TuneRequest
from keras_seq.typing import Tensor

NO_ACCIDENTAL = 9
_EITHER = -1  # a pickup or none


class Asked(NamedTuple):
    """What is asked, each of shape (B,) or (B, sections + 1), int32.

    Args:
        bars: Bars of each section, 0 behind the last.
        twice: 1 where it is repeated.
        bars_later: Bars of the sections behind each.
        later: How many sections are behind each.
        sections: How many there are; 0 where no form is asked.
        pickup: 1 for pickups, 0 for none, -1 for either.
        free_start: 1 where the first section needs no `|:`.
        low: Lowest MIDI note.
        high: Highest.
        tonic: 1 where the last note must be the tonic.
    """

    bars: Tensor
    twice: Tensor
    bars_later: Tensor
    later: Tensor
    sections: Tensor
    pickup: Tensor
    free_start: Tensor
    low: Tensor
    high: Tensor
    tonic: Tensor


class Heard(NamedTuple):
    """What is known of the tunes so far; (B,) or (B, 7), int32.

    Args:
        section: Number of the section, from 0.
        bar: Its bars that are done, pickups not counted.
        pickup: Ticks of its pickup, 0 for none.
        pickups: Those of all sections'.
        key: Semitones by which the key alters each letter.
        flat: The lowest that a letter without a sign may mean in this bar.
        sharp: The highest: readers differ on how far an accidental reaches.
        sign: The accidental before the next note, 9 for none.
        must_mark: 1 where the octave mark must follow.
        bottom: MIDI note that was written, without mark; the lowest it may mean.
        top: The highest.
        of_key: Number of the tonic that the K: field names.
        need: Notes that must still come so that the last is the tonic; 2 where the
            next can't be it.
        far: Characters of the octave mark without which there is no tonic.
    """

    section: Tensor
    bar: Tensor
    pickup: Tensor
    pickups: Tensor
    key: Tensor
    flat: Tensor
    sharp: Tensor
    sign: Tensor
    must_mark: Tensor
    bottom: Tensor
    top: Tensor
    of_key: Tensor
    need: Tensor
    far: Tensor


class State(NamedTuple):
    """The registers of the grammar, those beside, and what is asked."""

    registers: Registers
    heard: Heard
    asked: Asked


def as_arrays(
    requests: Sequence[TuneRequest], free_start: Sequence[bool] | None = None
) -> Asked:
    """Requests as arrays, a row each.

    Args:
        requests: What is asked of each tune.
        free_start: Whether its first section is as it stands, without `|:` if need be.
    """
    count, width = len(requests), MOST_SECTIONS + 1
    bars, twice = (np.zeros((count, width), "int32") for _ in range(2))
    for i, request in enumerate(requests):
        for j, (number, again) in enumerate(request.sections):
            bars[i, j], twice[i, j] = number, again
    there = (bars > 0).astype("int32")
    bars_later, later = (
        (each[:, ::-1].cumsum(1)[:, ::-1] - each).astype("int32")
        for each in (bars, there)
    )
    ranges = np.array([request.range for request in requests], "int32")
    pickup = [_EITHER if r.pickup is None else int(r.pickup) for r in requests]
    return Asked(
        bars,
        twice,
        bars_later,
        later,
        there.sum(1).astype("int32"),
        np.array(pickup, "int32"),
        np.array([0] * count if free_start is None else free_start, "int32"),
        ranges[:, 0],
        ranges[:, 1],
        np.array([request.end_on is not None for request in requests], "int32"),
    )
