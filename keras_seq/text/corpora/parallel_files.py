"""Two files of a language each, whose lines belong together, as Moses reads them."""

import collections
from collections.abc import Sequence
from pathlib import Path

from keras_seq.text.corpora.columns import Column, is_language
from keras_seq.text.corpora.label_folders import ABOUT
from keras_seq.text.corpora.parts import TRAIN, VALIDATION, part_files, part_of
from keras_seq.text.corpora.sources import Source, in_folder, in_zip, is_zip
from keras_seq.text.corpora.tables import SUFFIXES

_Sides = tuple[Source, Source]
_OF_TRANSLATORS = {
    ".tmx": "TMX",
    **dict.fromkeys((".xliff", ".xlf", ".sdlxliff", ".mqxliff"), "XLIFF"),
    **dict.fromkeys((".po", ".pot"), "gettext's"),
    ".tbx": "TBX",
}


def parallel_files(
    path: Path, columns: Sequence[Column] | None, notes: list[str]
) -> dict[str, _Sides]:
    """The files of two languages in a folder or .zip, by their part; "" for no part.

    Args:
        path: Folder or .zip.
        columns: Names of source and target language, which are the files' endings; by
            default they are in the order of their names.
        notes: Gets a note of what was chosen.

    Raises:
        ValueError: If it isn't clear which files belong together.
    """
    if path.is_dir():
        sources = in_folder(path)
    elif is_zip(path):
        sources = in_zip(path)
    else:
        return {}
    found: dict[str, dict[str, Source]] = collections.defaultdict(dict)
    for source in sources:
        language = source.suffix[1:]
        if is_language(language, beside=True) and source.stem.casefold() not in ABOUT:
            some = found[source.path.with_name(source.stem).as_posix()]
            if language in some:
                raise ValueError(
                    f"{path.name}: expected one of {str(some[language].path)!r} and "
                    f"{str(source.path)!r}; received both."
                )
            some[language] = source
    pairs = {
        stem: some
        for stem, some in found.items()
        if len(some) > 1 and any(map(is_language, some))
    }
    if not pairs:
        return {}
    if tables := part_files(path.name, sources, (".txt", *SUFFIXES)):
        two = next(iter(next(iter(pairs.values())).values()))
        one = next(iter(tables.values()))
        raise ValueError(
            f"{path.name}: expected files of two languages, or tables; received both "
            f"{str(two.path)!r} and {str(one.path)!r}."
        )
    languages = sorted({name for some in pairs.values() for name in some})
    chosen = list(map(str, columns)) if columns is not None else languages
    if len(chosen) != 2 or not set(chosen) <= set(languages):
        raise ValueError(
            f"{path.name}: expected files of two languages; received {languages}"
            f"{f' and columns {chosen}' if columns is not None else ''}: `columns` "
            "names the source's and the target's."
        )
    first, second = chosen
    by_part: dict[str, _Sides] = {}
    for stem, some in pairs.items():
        part = _part(Path(stem).name) if len(pairs) > 1 else ""
        if {first, second} - set(some) or (not part and len(pairs) > 1):
            notes.append(f"not read: {stem} ({', '.join(some)})")
        elif part in by_part:
            known = by_part[part][0].path.name
            raise ValueError(
                f"{path.name}: expected two files of the {part or 'one'} part; "
                f"received {known!r} and {some[first].path.name!r}."
            )
        else:
            by_part[part] = some[first], some[second]
    if not by_part or (TRAIN not in by_part and "" not in by_part):
        raise ValueError(
            f"{path.name}: expected train.{first} and train.{second}, or two files "
            f"alone; received {', '.join(map(repr, sorted(pairs)[:6]))}."
        )
    source, target = by_part.get(TRAIN) or by_part[""]
    notes.append(
        f"sources are the lines of {source.path.name}, targets those of "
        f"{target.path.name}"
    )
    order = (TRAIN, VALIDATION)
    return dict(sorted(by_part.items(), key=lambda item: (item[0] not in order, item)))


def _part(name: str) -> str:
    """The part that a name, or the first word of it, stands for."""
    first = name.replace("-", "_").split("_")[0].split(".")[0]
    return part_of(name) or part_of(first.rstrip("0123456789"))  # test2016


def refuse_by_name(source: Source) -> None:
    """Refuses forms of translators' programs that aren't read, by name."""
    kind = _OF_TRANSLATORS.get(source.suffix)
    if kind:
        raise ValueError(
            f"{source.name}: is {kind}, which isn't read: save it as TSV, a source, a "
            "tab and a target in each line."
        )
