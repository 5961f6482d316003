"""What the captioning recipe's verb answers: one image, or many."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from keras_seq.runs import (
    answer_lines,
    check_one_given,
    print_or_write,
    quoted_text,
)
from keras_seq.text import read_lines
from keras_seq.vision import Caption, Captioner, load_image, readable_image
from recipes.image_captioning.results import draw_attention

AT_ONCE = 16  # images


def images_asked(
    images: tuple[str, ...], file: str | None, encoding: str | None = None
) -> Iterable[str]:
    """The paths of the images: those given, or the lines of the file.

    Raises:
        ValueError: If there are both, or neither, or what is given looks like one path
            with spaces that isn't quoted.
        OSError: If the file can't be read.
    """
    check_one_given("an image", "file", bool(images), file is not None)
    if file is not None:
        return read_lines(file, encoding)
    if Path(" ".join(images)).exists():
        quoted_text(images, "image")
    return images


def wanted(n_best: int | None, default: int, one_line: bool) -> int:
    """How many captions of each image are wanted.

    Raises:
        ValueError: If they are less than 1, or more where an image has one line.
    """
    if n_best is None:
        return default
    if n_best < 1:
        raise ValueError(f"`n_best` must be at least 1; received {n_best}.")
    if one_line and n_best > 1:
        raise ValueError(
            f"`n_best` of several images must be 1, or `json` be asked for; received "
            f"{n_best}."
        )
    return n_best


@dataclasses.dataclass(frozen=True)
class Search:
    """How captions are searched for.

    Attributes:
        captioner: The captioner.
        n_best: How many captions of each image; there may be fewer.
        width: Hypotheses that the search for the best keeps; a wider one finds the
            others.
        length_penalty: As for `Captioner.caption`.
    """

    captioner: Captioner
    n_best: int
    width: int
    length_penalty: float

    def show(self, image: Path, pixels: np.ndarray, path: Path) -> None:
        """Prints captions of an image, and draws where the best looked.

        Args:
            image: The image file.
            pixels: What is in it.
            path: PNG file for the picture.
        """
        [found] = self._of([readable_image(image)])
        for caption in found:
            unfinished = "" if caption.finished else "  (cut off)"
            line = f"{caption.probability:8.2%}  {caption.text}{unfinished}"
            print_or_write(line, None)
        if found[0].words:
            draw_attention(pixels, found[0], path)
            print(f"the attention is in {path}")

    def caption_lines(
        self, paths: Iterable[str], *, json: bool, name: str, out: str | None
    ) -> None:
        """Captions images, and prints or writes a caption, or a JSON object, each.

        Args:
            paths: Of the image files.
            json: Whether JSON Lines are wanted.
            name: Name of the file with the paths, for messages.
            out: File for the answers, or None.
        """
        self._of([])  # refuses settings that are out of range

        def answer(paths: list[str]) -> list[dict[str, Any]]:
            for path in paths:  # refuses what is no image, by its name
                load_image(path)
            found = self._of([readable_image(path) for path in paths])
            return [self._record(some) for some in found]

        answer_lines(
            paths,
            answer,
            shown=None if json else lambda record: record["caption"],
            echo="image",
            name=name,
            out=out,
            label="captioning",
            at_once=AT_ONCE,
        )

    def _of(self, images: list[bytes]) -> list[list[Caption]]:
        """Captions of image files, the best first; no two of one with one text."""
        found: list[list[Caption]] = [[] for _ in images]
        for kept in dict.fromkeys((self.width, max(self.width, self.n_best))):
            if images and all(len(some) >= self.n_best for some in found):
                continue
            more = self.captioner.caption(
                images,
                width=kept,
                n_best=min(kept, self.n_best),
                length_penalty=self.length_penalty,
            )
            for some, others in zip(found, more, strict=True):
                known = {caption.text for caption in some}
                some += [caption for caption in others if caption.text not in known]
        return [some[: self.n_best] for some in found]

    def _record(self, found: list[Caption]) -> dict[str, Any]:
        best, *others = (
            {
                "caption": caption.text,
                "probability": caption.probability,
                "finished": caption.finished,
            }
            for caption in found
        )
        return best | ({"others": others} if self.n_best > 1 else {})
