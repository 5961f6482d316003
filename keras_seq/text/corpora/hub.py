"""Data sets of Hugging Face's library `datasets`, by name or from a folder of its."""

import io
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from keras_seq.extras import require
from keras_seq.text.corpora.encodings import cleaned
from keras_seq.text.corpora.parts import TRAIN, part_of
from keras_seq.text.corpora.sources import Source

SCHEME = "hf://"
_AT_ONCE = 1000  # rows
_FOLDER = ("dataset_dict.json", "dataset_info.json")  # what `save_to_disk` writes


class HubName(NamedTuple):
    """What `hf://NAME[:CONFIG][@SPLIT]` names; a NAME that is a folder is read there.

    Attributes:
        name: The data set, as "owner/name", or a folder.
        config: Its configuration, or None.
        split: One of its splits, or None for all.
    """

    name: str
    config: str | None
    split: str | None


def hub_name(data: str | os.PathLike[str]) -> HubName | None:
    """What a name that begins with hf:// stands for; None if it doesn't.

    Raises:
        ValueError: If a part of it is empty.

    Example:

    >>> hub_name("hf://owner/name:small@train")
    HubName(name='owner/name', config='small', split='train')
    """
    text = os.fspath(data)
    if not text.startswith(SCHEME):
        return None
    rest = text[len(SCHEME) :]
    if is_saved(Path(rest)):  # whatever is in its name
        return HubName(rest, None, None)
    rest, at, split = rest.partition("@")
    name, colon, config = rest.partition(":")
    if not name or (at and not split) or (colon and not config):
        raise ValueError(
            f"expected {SCHEME}NAME, with :CONFIG and @SPLIT behind it or not; "
            f"received {text!r}."
        )
    return HubName(name, config or None, split or None)


def is_saved(path: Path) -> bool:
    """Whether a folder is one that the library `datasets` has written."""
    return path.is_dir() and any((path / name).is_file() for name in _FOLDER)


def hub_sources(
    data: str | os.PathLike[str], notes: list[str], *, labelled: bool = False
) -> dict[str, Source] | None:
    """The splits of a data set as tables, by the part that they stand for.

    Args:
        data: What may begin with hf://.
        notes: Gets a note of what isn't read.
        labelled: Whether splits whose labels are hidden are left out.

    Returns:
        None if it isn't so named. One split alone is no part: its key is "".

    Raises:
        ImportError: If the library is missing.
        ValueError: If there is no such data set, or no split that is known.
    """
    asked = hub_name(data)
    if asked is None:
        return None
    datasets = require("datasets", "hub")
    label = os.fspath(data)
    try:
        if is_saved(Path(asked.name)):
            found = datasets.load_from_disk(asked.name)
        else:
            found = datasets.load_dataset(asked.name, asked.config)
    except Exception as error:  # the library's own are many, and the network's
        raise ValueError(f"{label}: can't be loaded: {error}") from error
    splits = dict(found) if isinstance(found, dict) else {"": found}
    if asked.split is not None:
        if asked.split not in splits:
            raise ValueError(
                f"{label}: expected one of the splits {list(splits)}; received "
                f"{asked.split!r}."
            )
        splits = {"": splits[asked.split]}
    for split in splits.values():
        seen = [name for name in split.features if name not in _texts(split)]
        note = f"pictures or sounds aren't read: {', '.join(map(repr, seen))}"
        notes += [note] if seen and note not in notes else []
    if len(splits) == 1:
        if labelled and _is_hidden(*splits.values()):
            raise ValueError(f"{label}: expected labels; they are hidden (-1).")
        return {"": _source(label, "", *splits.values())}
    parts: dict[str, Source] = {}
    if TRAIN not in map(part_of, splits):
        raise ValueError(
            f"{label}: expected a split train, or one behind an @; received "
            f"{list(splits)}."
        )
    for name, split in splits.items():
        part = part_of(name)
        if not part:
            notes.append(f"the split {name!r} of {label} isn't read")
        elif labelled and part != TRAIN and _is_hidden(split):
            notes.append(
                f"the split {name!r} of {label} isn't read: its labels are hidden (-1)"
            )
        elif part in parts:
            raise ValueError(
                f"{label}: expected one {part} part; received {name!r} too."
            )
        else:
            parts[part] = _source(label, name, split)
    return parts


def hub_rows(data: str) -> Iterator[dict[str, Any]] | None:
    """The rows of a data set that hf:// names, as objects.

    Labels have their names; one of several splits must be named, behind an @.

    Args:
        data: `hf://NAME[:CONFIG][@SPLIT]`; a NAME that is a folder is one that the
            library `datasets` has saved.

    Returns:
        Iterator over dicts; None if `data` doesn't begin with hf://.

    Raises:
        ImportError: If the library is missing; it comes with the extra `hub`.
        ValueError: If there is no such data set, or it has several splits.

    Example:

    >>> hub_rows("table.csv") is None
    True
    """
    sources = hub_sources(data, [])
    if sources is None:
        return None
    if len(sources) > 1:
        raise ValueError(
            f"{data}: expected one split; received {list(sources)}: say which, as "
            f"{data}@train."
        )
    [source] = sources.values()
    return source.table()[1] if source.table is not None else iter(())


def _is_hidden(split: Any) -> bool:
    """Whether no row has a label: those of contests' tests aren't given away."""
    columns = [
        name for name, kind in split.features.items() if getattr(kind, "names", None)
    ]
    batches = split.select_columns(columns).iter(batch_size=_AT_ONCE)
    return bool(columns) and all(
        value is None or value == -1
        for batch in batches
        for values in batch.values()
        for value in values
    )


def _source(label: str, name: str, split: Any) -> Source:
    shown = f"{label}@{name}" if name else label
    return Source(
        shown,
        PurePosixPath(f"{name or 'data'}.parquet"),
        lambda: io.BytesIO(),
        table=lambda: (list(map(cleaned, _texts(split))), _rows(split)),
    )


def _texts(split: Any) -> list[str]:
    """The columns that are no pictures or sounds."""
    kinds = split.features.items()
    return [column for column, kind in kinds if not hasattr(kind, "decode")]


def _rows(split: Any) -> Iterator[dict[str, Any]]:
    """The rows as objects, labels by their names, without pictures and sounds."""
    split = split.select_columns(_texts(split))
    names = {
        cleaned(column): feature.names
        for column, feature in split.features.items()
        if getattr(feature, "names", None)
    }
    for batch in split.iter(batch_size=_AT_ONCE):
        columns = {cleaned(column): values for column, values in batch.items()}
        for column, known in names.items():
            columns[column] = [
                known[value] if isinstance(value, int) and value >= 0 else None
                for value in columns[column]
            ]
        for values in zip(*columns.values(), strict=True):
            yield dict(zip(columns, values, strict=True))
