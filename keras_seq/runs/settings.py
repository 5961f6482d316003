"""The settings that every recipe has, and checks of them."""

import dataclasses
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, TypeAlias, get_args

DtypePolicy: TypeAlias = Literal["float32", "mixed_bfloat16", "mixed_float16"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a recipe is run: the settings that all recipes have.

    A recipe's `Config` is a frozen dataclass made of this one. It gives `out` its
    default, and adds the settings of what is trained.

    Example:

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class Config(RunSettings):
    ...     out: str = "runs/mine"
    ...     units: int = 128
    >>> config = Config(units=64, quick=True)
    >>> config.out, config.seed, config.units
    ('runs/mine', 1, 64)
    """

    out: str
    """Folder for everything that the run makes."""
    seed: int = 1
    """Seed of all that is drawn by chance: the split of the data, the weights, the
    order, the dropout, and what is written."""
    quick: bool = False
    """A minute to see that all works: little data, a small model."""
    dtype_policy: DtypePolicy = "float32"
    """Precision of the training, by Keras's name: mixed_bfloat16 and mixed_float16
    compute in 16 bits, on a GPU faster and in less memory, on a CPU slower. Weights,
    losses, and what is kept, measured and served are float32."""
    resume: bool = False
    """Continue the run in `out`."""
    overwrite: bool = False
    """Replace the run in `out`."""


def whole_path(name: str, names: Collection[str] = ()) -> str:
    """The absolute path of a file or folder that is there; else the name as it is.

    A run keeps it in its settings: from another folder, a relative path would name
    another file.

    Args:
        name: Path, or the name of data that are known by name.
        names: Names that are no paths, whatever lies in the current folder: `./dates`
            is a path then, `dates` is none.

    Example:

    >>> whole_path("dates", ("dates",))
    'dates'
    """
    if name in names:
        return name
    return os.fspath(Path(name).resolve()) if name and Path(name).exists() else name


def check_settings(
    config: object,
    *,
    at_least_1: Iterable[str] = (),
    shares: Iterable[str] = (),
    above_0: Iterable[str] = (),
    seeds: Iterable[str] = (),
    paths: Iterable[str] = (),
) -> None:
    """Refuses settings out of their range, by name, and an unknown `dtype_policy`.

    Args:
        config: Object with the settings as attributes; None passes.
        at_least_1: Names of those that must be 1 or more.
        shares: Names of those that must be in [0, 1).
        above_0: Names of those that must be above 0.
        seeds: Names of those that must be in [0, 2³¹).
        paths: Names of those that mustn't be empty, as a shell's variable is that isn't
            set: an empty path is the current folder.

    Raises:
        ValueError: If one is out of its range.

    Example:

    >>> import types
    >>> check_settings(types.SimpleNamespace(units=0), at_least_1=["units"])
    Traceback (most recent call last):
    ValueError: `units` must be at least 1; received 0.
    """
    ranges = (
        (at_least_1, "at least 1", lambda value: value >= 1),
        (shares, "in [0, 1)", lambda value: 0 <= value < 1),
        (above_0, "above 0 and finite", lambda value: 0 < value < float("inf")),
        (seeds, "in [0, 2**31)", lambda value: 0 <= value < 2**31),
        (paths, "a name or a path", lambda value: value != ""),
    )
    for names, expected, accepts in ranges:
        for name in names:
            value = getattr(config, name)
            if value is not None and not accepts(value):
                raise ValueError(f"`{name}` must be {expected}; received {value!r}.")
    policy, known = getattr(config, "dtype_policy", None), get_args(DtypePolicy)
    if policy is not None and policy not in known:
        raise ValueError(
            f"`dtype_policy` must be among {', '.join(known)}; received {policy!r}."
        )
