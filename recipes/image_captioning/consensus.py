"""A baseline that reads no image: what the captions of like images agree on.

Devlin et al. (2015), Exploring nearest neighbor approaches for image captioning.
"""

from collections.abc import Callable, Sequence

import numpy as np

from keras_seq.runs import Progress
from keras_seq.text import Cider
from keras_seq.vision import Captioner
from recipes.image_captioning.data import Data
from recipes.image_captioning.figures import (
    baseline_captions,
    nearest_images,
    words_of,
)

NEAREST = 20  # images whose captions are compared
COMPARED = 400  # captions at most
COUNTED = 2000  # training images, in which it is counted how rare words are


def baselines(captioner: Captioner, data: Data) -> dict[str, list[str]]:
    """Captions to compare with: "most_frequent", "nearest" and "consensus"."""
    nearest = nearest_images(captioner, data, NEAREST)
    split = words_of(data.vocabulary)
    progress = Progress("comparing the captions of like images")
    return {
        **baseline_captions(captioner, data, nearest),
        "consensus": consensus_captions(data.train.captions, nearest, split, progress),
    }


def consensus_captions(
    captions: Sequence[Sequence[str]],
    nearest: np.ndarray,
    split: Callable[[str], list[str]],
    progress: Progress | None = None,
) -> list[str]:
    """Of the captions of the nearest images that which agrees best with the others.

    It has the greatest mean CIDEr-D, all others being its references.

    Args:
        captions: Of each training image a list of strings.
        nearest: For each image the places of training images, the nearest first;
            of captions that agree as well that of the nearer is taken.
        split: Function from a caption to its words.
        progress: Called as `progress(done, total)`, or None.

    Returns:
        A string an image.
    """
    spread = np.linspace(0, len(captions) - 1, min(COUNTED, len(captions)))
    cider = Cider([captions[i] for i in spread.astype(int)], split=split)
    found = []
    for places in nearest:
        texts = [text for place in places for text in captions[place]][:COMPARED]
        # Equal but for rounding: the nearer one.
        agreement = cider.consensus(texts).round(9)
        found.append(texts[int(agreement.argmax())])
        if progress is not None:
            progress(len(found), len(nearest))
    return found
