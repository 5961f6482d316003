"""Images with captions, from files as COCO and Flickr8k have them."""

import dataclasses
import hashlib
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from keras_seq.text.corpora.sources import named_path
from keras_seq.text.normalising import normalise
from keras_seq.vision._caption_files import IMAGES, caption_files, files_below


@dataclasses.dataclass(frozen=True)
class CaptionedImage:
    """An image file with its captions.

    Attributes:
        path: The file.
        digest: SHA-256 of its content.
        captions: Tuple of strings, normalised (NFC), without empty ones.
        split: "train", "validation" or "test", if the files tell; else "".
    """

    path: Path
    digest: str
    captions: tuple[str, ...]
    split: str = ""


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
        unlisted: Number of images that are in none of the parts, where there are
            parts; they are left out.
    """

    name: str
    images: tuple[CaptionedImage, ...]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    without_captions: int
    empty: int
    unlisted: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of images, captions and parts."""
        found = hashlib.sha256()
        for image in self.images:
            found.update(json.dumps([image.digest, *image.captions]).encode())
            found.update(image.split.encode())
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
        if self.unlisted:
            parts.append(f"{self.unlisted} images are in none of the parts")
        if self.empty:
            parts.append(f"{self.empty} captions are empty")
        return "; ".join(parts)


def read_captions(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> CaptionCorpus:
    r"""Reads images with their captions.

    The captions are in one of these.

    - JSON as COCO has it ("images" with "id" and "file_name", "annotations" with
      "image_id" and "caption"), as Karpathy has it ("images" with "filename",
      "sentences" and "split"), or with lists of captions by the name of the image.
    - A table whose head names the columns `image` and `caption` (Flickr8k; also
      `image_name` and `comment`, Flickr30k; `file_name` and `text`, as Hugging Face's
      metadata.csv), perhaps `split`; or an object a line with these (.jsonl).
    - Lines `NAME#number<TAB>caption`, as Flickr8k had it.

    The images are looked for in the folder given, or that of the file, and below it, by
    their path or their name, in capitals or not. Parts that were published are kept: in
    a column or field `split`, by lists of names beside the file, whose names speak of
    train, dev (or val) and test, or by a file for each, as captions_train2017.json. A
    file may be in a folder beside the images, such as annotations.

    Args:
        path: The file with the captions; or a folder with one such file, or one for
            each split.
        encoding: Of the files of captions; None for UTF-8.
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
    whole = named_path(path)
    files = caption_files(whole, encoding)
    total, done, empty, unlisted = sum(len(each.captions) for each in files), 0, 0, 0
    missing, repeated = [], []
    found: dict[str, tuple[Path, list[str], str]] = {}
    used: set[Path] = set()
    roots = {each.root: _Found(each.root) for each in files}
    for file, root, named, splits in files:
        for name, captions in named.items():
            image = roots[root].find(name, file)
            kept = [text for text in map(normalise, captions) if text]
            empty += len(captions) - len(kept)
            if image is None:
                missing.append(name)
            elif splits and name not in splits:
                unlisted += 1
                used.add(image)
            else:
                used.add(image)
                digest = hashlib.sha256(image.read_bytes()).hexdigest()
                if digest in found:
                    repeated.append(name)
                split = splits.get(name, "")
                found.setdefault(digest, (image, [], split))[1].extend(kept)
            done += 1
            if progress is not None:
                progress(done, total)
    images = tuple(
        CaptionedImage(image, digest, tuple(captions), split)
        for digest, (image, captions, split) in found.items()
        if captions
    )
    if not images:
        names = [name for each in files for name in each.captions]
        raise ValueError(
            f"{str(files[0].file)!r} names {len(names)} images, of which none is in "
            f"its folder with a caption, {str(files[0].root)!r}; the first is "
            f"{names[0] if names else None!r}."
        )
    everything = {image for there in roots.values() for image in there.images}
    return CaptionCorpus(
        files[0].root.name if whole != files[0].file else whole.name,
        images,
        tuple(missing),
        tuple(repeated),
        len(everything - used),
        empty,
        unlisted,
    )


class _Found:
    """The files below a folder, to be found by their path or their name."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._exact: dict[str, list[Path]] = {}
        self._alike: dict[str, list[Path]] = {}
        self.images: list[Path] = []
        for path in files_below(root):
            keys = {path.relative_to(root).as_posix(), path.name}
            if path.suffix.lower() in IMAGES:
                self.images.append(path)
                keys.add(path.stem)
            for key in keys:
                self._exact.setdefault(key, []).append(path)
                self._alike.setdefault(_folded(key), []).append(path)

    def find(self, name: str, file: Path) -> Path | None:
        """The file of an image that `file` names; None if it is missing."""
        path = name.replace("\\", "/").removeprefix("./")
        base = path.rpartition("/")[2]
        some = self._exact.get(path) or self._exact.get(base)
        some = some or self._alike.get(_folded(path))
        some = some or self._alike.get(_folded(base)) or []
        exact = [found for found in some if found == self._root / path]
        # A name without a suffix is that of an image, not of what lies beside it.
        several = len(some) > 1 and [p for p in some if p.suffix.lower() in IMAGES]
        some = exact or several or some
        if len(some) > 1:
            raise ValueError(
                f"{str(file)!r} names {name!r}, which may be any of "
                f"{[str(path) for path in some]}."
            )
        return some[0] if some and some[0].is_file() else None


def _folded(name: str) -> str:
    """A name as it is compared: macOS takes letters and accents apart."""
    return unicodedata.normalize("NFC", name).casefold()


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
