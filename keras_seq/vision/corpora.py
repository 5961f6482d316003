"""Images with captions, from files as COCO and Flickr8k have them."""

import csv
import dataclasses
import hashlib
import json
import os
import re
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from keras_seq.text.corpora.parallel import decoded
from keras_seq.text.normalising import normalise

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp"})
_CAPTION_FILES = (".json", ".csv", ".tsv", ".txt")


@dataclasses.dataclass(frozen=True)
class CaptionedImage:
    """An image file with its captions.

    Attributes:
        path: The file.
        digest: SHA-256 of its content.
        captions: Tuple of strings, normalised (NFC), without empty ones.
    """

    path: Path
    digest: str
    captions: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class CaptionCorpus:
    """Images with captions.

    Attributes:
        name: Name of the file with the captions.
        images: Tuple of `CaptionedImage`, in the order of the file.
        missing: Names of images that have captions and are not there.
        repeated: Names of images that are the same as another, byte by byte: their
            captions are with that one.
        without_captions: Number of images in the folder that have none.
        empty: Number of captions without a character, which are left out.
    """

    name: str
    images: tuple[CaptionedImage, ...]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    without_captions: int
    empty: int

    @property
    def digest(self) -> str:
        """SHA-256 of images and captions."""
        found = hashlib.sha256()
        for image in self.images:
            found.update(json.dumps([image.digest, *image.captions]).encode())
        return found.hexdigest()

    def summary(self) -> str:
        """What was found and what was left out, in words."""
        captions = sum(len(image.captions) for image in self.images)
        parts = [f"{self.name}: {len(self.images)} images with {captions} captions"]
        for names, what in (
            (self.missing, "images that the captions name are missing"),
            (self.repeated, "images are the same as another"),
        ):
            if names:
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                parts.append(f"{len(names)} {what} ({shown})")
        if self.without_captions:
            parts.append(f"{self.without_captions} images have no caption")
        if self.empty:
            parts.append(f"{self.empty} captions are empty")
        return "; ".join(parts)


def read_captions(
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int, int], object] | None = None,
) -> CaptionCorpus:
    r"""Reads images with their captions.

    The captions are in a JSON file as COCO has them ("images" with "id" and
    "file_name", "annotations" with "image_id" and "caption"), or a table: CSV with a
    head that names the columns `image` and `caption`, as Flickr8k has it, or lines
    `NAME#number<TAB>caption`, as Flickr8k had it. The images are looked for in the
    folder of that file and below it, by their path or their name.

    Args:
        path: The file with the captions; or a folder with one such file.
        progress: Called as `progress(done, total)` while the images are read.

    Returns:
        A `CaptionCorpus`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it isn't written so, if several may be meant, or if no image
            is there.

    Example:

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.png").write_bytes(b"...")
    ...     _ = Path(folder, "captions.txt").write_text("image,caption\na.png,A dog.\n")
    ...     corpus = read_captions(folder)
    >>> corpus.images[0].captions
    ('A dog.',)
    """
    file = _caption_file(Path(path))
    named = _read_json(file) if file.suffix.lower() == ".json" else _read_table(file)
    there = _images_below(file.parent)
    empty = 0
    missing, repeated = [], []
    found: dict[str, tuple[Path, list[str]]] = {}
    used = set()
    for done, (name, captions) in enumerate(named.items(), start=1):
        image = _image(there, name, file)
        kept = [text for text in map(normalise, captions) if text]
        empty += len(captions) - len(kept)
        if image is None:
            missing.append(name)
        else:
            used.add(image)
            digest = hashlib.sha256(image.read_bytes()).hexdigest()
            if digest in found:
                repeated.append(name)
            found.setdefault(digest, (image, []))[1].extend(kept)
        if progress is not None:
            progress(done, len(named))
    images = tuple(
        CaptionedImage(image, digest, tuple(captions))
        for digest, (image, captions) in found.items()
        if captions
    )
    if not images:
        raise ValueError(
            f"{str(file)!r} names {len(named)} images, of which none is in its folder "
            f"with a caption; the first is {next(iter(named), None)!r}."
        )
    everything = {
        path
        for some in there.values()
        for path in some
        if path.suffix.lower() in IMAGES
    }
    return CaptionCorpus(
        file.parent.name if path != file else file.name,
        images,
        tuple(missing),
        tuple(repeated),
        len(everything - used),
        empty,
    )


def _caption_file(path: Path) -> Path:
    """The file itself, or the one in a folder."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"there is no file or folder {str(path)!r}.")
    files = [
        file
        for file in sorted(path.iterdir())
        if file.suffix.lower() in _CAPTION_FILES and file.is_file()
    ]
    if len(files) > 1:
        files = [file for file in files if "caption" in file.stem.lower()] or files
    if len(files) != 1:
        raise ValueError(
            f"{str(path)!r} must have one file with captions, such as captions.json or "
            f"captions.txt; it has {[file.name for file in files]}."
        )
    return files[0]


def _read_json(file: Path) -> dict[str, list[str]]:
    """Captions by the name of the image, as COCO writes them."""
    text, where = decoded(str(file), file.read_bytes()), ""
    try:
        content = json.loads(text)
        names = {image["id"]: str(image["file_name"]) for image in content["images"]}
        captions: dict[str, list[str]] = {}
        for number, note in enumerate(content["annotations"]):
            where = f" in annotation {number}"
            name = names.get(note["image_id"], f"id {note['image_id']}")
            if not isinstance(note["caption"], str):
                raise TypeError(f"caption is {note['caption']!r}")
            captions.setdefault(name, []).append(note["caption"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{str(file)!r} must be JSON with 'images' (id, file_name) and "
            f"'annotations' (image_id, caption), as COCO writes it; "
            f"{type(error).__name__}{where}: {error}."
        ) from error
    return captions


def _read_table(file: Path) -> dict[str, list[str]]:
    """Captions by the name of the image, as Flickr8k writes them."""
    text = decoded(str(file), file.read_bytes())
    lines = re.split("\r\n|\r|\n", text)
    head = lines[0]
    captions: dict[str, list[str]] = {}
    if "#" in head and "\t" in head:
        for number, line in enumerate(lines, start=1):
            name, tab, caption = line.partition("\t")
            if line.strip():
                if not tab or "#" not in name:
                    raise ValueError(
                        f"{file}:{number}: expected NAME#number<TAB>caption; received "
                        f"{line[:60]!r}."
                    )
                captions.setdefault(name.rpartition("#")[0], []).append(caption)
        return captions
    delimiter = max(",\t|;", key=head.count)
    rows = _rows(lines, delimiter, file)
    columns = [name.strip().lower() for name in next(rows)[1]]
    if not {"image", "caption"} <= set(columns):
        raise ValueError(
            f"{file}:1: expected a head with the columns image and caption, or lines "
            f"NAME#number<TAB>caption; received {head[:60]!r}."
        )
    image, caption = columns.index("image"), columns.index("caption")
    for number, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns) and caption == len(columns) - 1:
            # Commas of a caption that nothing quotes.
            row = [*row[:caption], delimiter.join(row[caption:])]
        if len(row) != len(columns):
            raise ValueError(
                f"{file}:{number}: expected {len(columns)} columns; received "
                f"{len(row)}."
            )
        captions.setdefault(row[image].strip(), []).append(row[caption])
    return captions


def _rows(
    lines: Sequence[str], delimiter: str, file: Path
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table, each with the number of its last line."""

    def reader(some: Iterable[str], *, strict: bool = False) -> typing.Any:
        return csv.reader(
            (f"{line}\n" for line in some), delimiter=delimiter, strict=strict
        )

    rows, start = reader(lines), 1
    try:
        for row in rows:
            if rows.line_num > start:
                # A quotation mark that nothing closes would swallow other rows.
                list(reader(lines[start - 1 : rows.line_num], strict=True))
            yield rows.line_num, row
            start = rows.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{file}:{start}: expected a row whose quotation marks are closed; "
            f"received {lines[start - 1][:60]!r} ({error})."
        ) from error


def _images_below(folder: Path) -> dict[str, list[Path]]:
    """Files by their path from the folder, and by their name."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for key in {path.relative_to(folder).as_posix(), path.name}:
                found.setdefault(key, []).append(path)
    return found


def _image(there: Mapping[str, list[Path]], name: str, file: Path) -> Path | None:
    """The file of an image; None if it is missing."""
    name = name.replace("\\", "/")
    some = there.get(name.removeprefix("./")) or there.get(name.rpartition("/")[2], [])
    exact = [path for path in some if path == file.parent / name]
    if len(some) > 1 and not exact:
        raise ValueError(
            f"{str(file)!r} names {name!r}, which may be any of "
            f"{[str(path) for path in some]}."
        )
    found = exact or some
    return found[0] if found else None


def most_frequent_caption(captions: Iterable[str]) -> str:
    """The caption that comes most often; among equals the one of the commonest words.

    Args:
        captions: Strings.

    Returns:
        String.

    Example:

    >>> most_frequent_caption(["a dog", "a cat", "the cat"])
    'a cat'
    """
    captions = list(captions)
    if not captions:
        raise ValueError("`captions` must not be empty.")
    times = Counter(captions)
    words = Counter(word for text in captions for word in text.split())

    def commonness(text: str) -> float:
        split = text.split() or [""]
        return sum(words[word] for word in split) / len(split)

    return max(times, key=lambda text: (times[text], commonness(text), text))
