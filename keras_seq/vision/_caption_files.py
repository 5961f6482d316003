"""Files of captions, in the forms in which they are handed about."""

import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from keras_seq._folders import walk
from keras_seq.runs._reading import tell_of_parsing
from keras_seq.text.corpora.encodings import decoded
from keras_seq.text.corpora.sources import one_file
from keras_seq.vision._caption_tables import (
    Collected,
    Named,
    read_table,
    split_named,
)

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
MOST_FILES = 2**22
_KINDS = (".json", ".jsonl", ".csv", ".tsv", ".txt")
# Of several files, those of the first of these that is in the name of one.
_NAMES = ("caption", "token", "metadata", "results", "dataset", "annotation")
_ABOVE = re.compile(".*annotations?|.*captions?|.*text|meta(data)?", re.IGNORECASE)
_BESIDE = re.compile(
    ".*(images?|photos?|pictures|dataset)|(train|val).*", re.IGNORECASE
)
MOST_BYTES = 2**31  # of a file of captions


class CaptionFile(typing.NamedTuple):
    """What a file says.

    Attributes:
        file: It.
        root: The folder in which, and below which, its images are.
        captions: By the name of the image.
        splits: Of "train", "validation" and "test", by the name of the image.
    """

    file: Path
    root: Path
    captions: Named
    splits: dict[str, str]


def images_below(folder: Path) -> Iterator[Path]:
    """The image files in a folder and below it, behind links too."""
    return (path for path in files_below(folder) if path.suffix.lower() in IMAGES)


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and below it, behind links too, in order."""
    count = 0
    # A picture that can't be reached is counted as missing, and named.
    for place, names in walk(folder, strict=False):
        count += len(names)
        if count > MOST_FILES:
            raise ValueError(
                f"{str(folder)!r} must hold at most {MOST_FILES} files; it has more."
            )
        # What begins with "._" is a Mac's, beside each file of a foreign disk.
        yield from (Path(place, n) for n in names if not n.startswith("._"))


def caption_files(path: Path, encoding: str | None) -> list[CaptionFile]:
    """The file itself, or those in a folder, read."""
    if path.is_file():
        files, root = {path: ""}, path.parent
    elif path.is_dir():
        files, root = _in_folder(path), path
    elif path.exists():
        raise ValueError(
            f"{str(path)!r}: expected a file or a folder; received a pipe or a device."
        )
    else:
        raise FileNotFoundError(f"there is no file or folder {str(path)!r}.")
    if _is_beside_images(root):
        root = root.parent
    found = []
    for file, split in files.items():
        captions, splits = _read(file, encoding)
        if split:
            splits = {**dict.fromkeys(captions, split), **splits}
        elif not splits:
            splits = _listed(file, captions, encoding)
        # Where splits are folders, the same name may be in each.
        own = file.parent if split_named(file.parent.name) else root
        found.append(CaptionFile(file, own, captions, splits))
    return found


def _is_beside_images(folder: Path) -> bool:
    """Whether the images are in no folder of the captions, but in one beside it."""
    if any(images_below(folder)) or folder.parent == folder:
        return False
    return bool(_ABOVE.fullmatch(folder.name)) or any(
        place.is_dir() and _BESIDE.fullmatch(place.name)
        for place in folder.parent.iterdir()
    )


def _in_folder(folder: Path) -> dict[Path, str]:
    """The files with captions in a folder; of several each with its split."""
    direct = _candidates(folder)
    for place in sorted(folder.iterdir()):
        if direct or not place.is_dir():
            continue
        if _ABOVE.fullmatch(place.name):
            direct = _candidates(place)
    if not direct:
        by_folder = {
            file: split_named(place.name)
            for place in sorted(folder.iterdir())
            if place.is_dir() and split_named(place.name)
            for file in _candidates(place)
        }
        if by_folder and len(set(by_folder.values())) == len(by_folder):
            return by_folder
    if len(direct) == 1:
        return {direct[0]: ""}
    splits = {file: split_named(file.stem) for file in direct}
    alike = len({one_file(file).suffix for file in direct}) == 1
    if direct and alike and all(splits.values()):
        different = len(set(splits.values())) == len(splits)
        if different:
            return splits
    beside = [] if direct else _candidates(folder.parent)
    more = f"; beside it is {beside[0].name}" if len(beside) == 1 else ""
    raise ValueError(
        f"{str(folder)!r} must have one file with captions, such as captions.json or "
        f"captions.txt, or one for each split, such as captions_train.json and "
        f"captions_val.json; it has {[file.name for file in direct]}{more}."
    )


def _candidates(folder: Path) -> list[Path]:
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".")
        if one_file(file).suffix in _KINDS
    ]
    for name in _NAMES if len(files) > 1 else ():
        some = [file for file in files if name in file.stem.lower()]
        some = [file for file in some if "lemma" not in file.stem.lower()]
        if some:
            return some
    return files


def _listed(file: Path, captions: Named, encoding: str | None) -> dict[str, str]:
    """Splits by lists of names that lie beside a file, as Flickr8k has them."""
    stems = {name.rpartition(".")[0] or name: name for name in captions}
    splits: dict[str, str] = {}
    for other in sorted(file.parent.glob("*.txt")):
        split = split_named(other.stem)
        if other == file or not split:
            continue
        lines = decoded(str(other), other.read_bytes(), encoding).split("\n")
        names = [line.strip() for line in lines]
        known = [name if name in captions else stems.get(name, "") for name in names]
        if not any(known):
            continue  # something else
        for number, name in enumerate(known, start=1):
            if name and splits.setdefault(name, split) != split:
                raise ValueError(
                    f"{other}:{number}: {name!r} is in two lists, of {splits[name]} "
                    f"and of {split}."
                )
    return splits


def _read(file: Path, encoding: str | None) -> tuple[Named, dict[str, str]]:
    """Captions, and splits where the file tells them, by the name of the image."""
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{str(file)!r} must have at most {MOST_BYTES} bytes.")
    source = one_file(file)
    text, kind = decoded(str(file), source.read(), encoding), source.suffix
    source.check_markup(text)
    if kind == ".jsonl":
        return _read_lines(file, text)
    return _read_json(file, text) if kind == ".json" else read_table(file, text)


def _read_lines(file: Path, text: str) -> tuple[Named, dict[str, str]]:
    """An object a line, as the metadata of Hugging Face's image folders has them."""
    found = Collected()
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                found.add_object(_object(_parsed(line)))
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{file}:{number}: expected an object with file_name and text; "
                    f"{type(error).__name__}: {error}."
                ) from error
    return found.captions, found.splits


def _parsed(text: str) -> typing.Any:
    """What JSON says; NaN, which is none of it, is missing."""
    return json.loads(text, parse_constant=lambda name: None)


def _object(value: typing.Any) -> dict[str, typing.Any]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object; received {str(value)[:60]!r}")
    return value


def _read_json(file: Path, text: str) -> tuple[Named, dict[str, str]]:
    """As COCO writes it, or Karpathy; names with lists of captions; or objects."""
    found, where = Collected(), ""
    tell_of_parsing(file.name, len(text))
    try:
        content = _parsed(text)
        images = content.get("images") if isinstance(content, dict) else None
        if isinstance(content, list):
            for number, note in enumerate(content):
                where = f" in object {number}"
                found.add_object(_object(note))
        elif isinstance(images, list) and _has(images, "sentences"):
            for number, image in enumerate(images):
                where = f" in image {number}"
                folder = str(image.get("filepath") or "")
                name = f"{folder}/{image['filename']}" if folder else image["filename"]
                texts = [sentence["raw"] for sentence in image["sentences"]]
                found.add(str(name), texts, image.get("split"))
        elif images is None and content and _all_captions(content):
            for name, texts in content.items():
                where = f" in {name!r}"
                found.add(name, texts)
        else:
            names = {
                str(image["id"]): str(image["file_name"]) for image in content["images"]
            }
            for number, note in enumerate(content["annotations"]):
                where = f" in annotation {number}"
                name = names.get(str(note["image_id"]), f"id {note['image_id']}")
                found.add(name, _string(note["caption"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{str(file)!r} must be JSON with 'images' (id, file_name) and "
            f"'annotations' (image_id, caption), as COCO writes it; with 'images' "
            "(filename, sentences, split), as Karpathy does; or names of images with "
            f"lists of captions; {type(error).__name__}{where}: {error}."
        ) from error
    return found.captions, found.splits


def _has(images: Sequence[typing.Any], key: str) -> bool:
    return bool(images) and isinstance(images[0], dict) and key in images[0]


def _all_captions(content: Mapping[str, typing.Any]) -> bool:
    return all(isinstance(texts, (str, list)) for texts in content.values()) and not (
        {"annotations", "images"} & set(content)
    )


def _string(value: typing.Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"caption is {value!r}")
    return value
