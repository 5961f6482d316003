"""Tunes drawn for the music recipe's `generate`, as they are asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from keras_seq import music
from recipes.music_generation import grammar as rules
from recipes.music_generation.copies import CopyCheck, draw_originals
from recipes.music_generation.data import LONGEST_TUNE

T = TypeVar("T")

UNIT = "1/8"  # of a given opening
_FLAGS = {
    "`given`": "--meter, --unit or --key",
    **{
        f"`{name}`": f"--{name.replace('_', '-')}"
        for name in (
            *("form", "bars", "pickup", "lowest", "highest", "instrument", "end_on"),
            "opening",
        )
    },
}


def request(
    form: str | None,
    bars: tuple[int, ...],
    pickup: str | None,
    ends: tuple[str | None, str | None, str | None],
    end_on: str | None,
) -> music.TuneRequest:
    """What is asked, with the names of the flags in what is wrong with it."""
    return in_flags(
        music.TuneRequest,
        form=form,
        bars=bars[0] if len(bars) == 1 else bars or None,
        pickup=None if pickup is None else pickup == "yes",
        lowest=ends[0],
        highest=ends[1],
        instrument=ends[2],
        end_on=end_on,
    )


def in_flags(function: Callable[..., T], *args: Any, **options: Any) -> T:
    """What a function gives; its errors name flags in the place of arguments."""
    try:
        return function(*args, **options)
    except ValueError as error:
        said = str(error)
        for name, flag in _FLAGS.items():
            said = said.replace(name, flag)
        raise ValueError(said) from None


def check_folder(out: str | None) -> None:
    """Refuses a folder for tunes in which something stands."""
    if out is not None and Path(out).exists() and any(Path(out).iterdir()):
        raise FileExistsError(f"`out` {out!r} is not empty; nothing is written there.")


def draw(
    writer: music.TuneWriter,
    check: CopyCheck | None,
    count: int,
    seed: int,
    given: dict[str, str | None],
    how: tuple[music.TuneRequest, str | None, float, float],
) -> list[music.WrittenTune]:
    """Draws tunes, again where they copy, or were pushed far.

    Args:
        writer: The run's `TuneWriter`.
        check: What tells whether a tune copies; None lets it.
        count: Number of tunes.
        seed: Seed.
        given: Header fields, None for the model's.
        how: What is asked, the opening, temperature and `top_p`.
    """
    asked, opening, temperature, top_p = how
    if opening is not None:
        for flag, field in (("--meter", "M"), ("--key", "K")):
            if given[field] is None:
                raise ValueError(f"--opening needs {flag}, by which it is read")
        given = {**given, "L": given["L"] or UNIT}
    spelled = rules.spell_given(writer, **given)

    def written(number: int, seed: int) -> list[music.WrittenTune]:
        return rules.write_unforced(
            writer,
            number,
            given=spelled,
            asked=asked if asked.asks else None,
            opening=opening,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            max_length=LONGEST_TUNE,
        )

    if check is None:
        return in_flags(written, count, seed)
    return in_flags(draw_originals, written, count, seed, check)
