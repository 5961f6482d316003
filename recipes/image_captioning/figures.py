"""What the captioning recipe measures."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seq.extras import require
from keras_seq.text import (
    Cider,
    SubwordVocabulary,
    Vocabulary,
    WordVocabulary,
    is_mostly_unspaced,
)
from keras_seq.vision import Caption, Captioner, most_frequent_caption
from recipes.image_captioning.composing import SIDE
from recipes.image_captioning.data import Data, Part
from recipes.image_captioning.language import (
    NAMES,
    PLURALS,
    SIZES,
    Box,
    Kind,
    judge,
)
from recipes.image_captioning.scenes import Scenes


class CaptionScore(keras.callbacks.Callback):
    """Captions validation images greedily after every epoch.

    It logs "val_cider" and "val_bleu_4"; of scenes also "val_right", the share of
    captions that are true and complete.

    Args:
        captioner: The `Captioner`.
        part: The validation's `Part`.
    """

    def __init__(self, captioner: Captioner, part: Part) -> None:
        super().__init__()
        self.captioner, self.part = captioner, part

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        found = self.captioner.caption_grids(self.part.batches(), width=1)
        texts = [best.text for (best,) in found]
        logs.update(validation_scores(texts, self.part, self.captioner.vocabulary))


def validation_scores(
    texts: Sequence[str], part: Part, vocabulary: Vocabulary
) -> dict[str, float]:
    """What is looked at to choose: "val_cider", "val_bleu_4", of scenes "val_right"."""
    cider = Cider(part.captions, split=words_of(vocabulary))
    scores = {
        "val_cider": float(cider.scores(texts).mean()),
        "val_bleu_4": bleu(texts, part.captions, tokenizer_of(vocabulary)),
    }
    if part.scenes:
        scores["val_right"] = truth(texts, part.scenes)["right"]
    return scores


def choose_width(
    captioner: Captioner, data: Data, widths: Sequence[int]
) -> tuple[int, list[dict[str, float]]]:
    """The width of the search, and what the validation images say of the others.

    It is the first unless another captions the validation images better by more than
    the standard error of that. Where much can be said in many ways, greedy search may:
    a beam prefers what can be said in few, as the probability of the rest is shared
    among the ways. But a hundred images tell less than chance does.

    Args:
        captioner: The `Captioner`.
        data: The recipe's `Data`.
        widths: Widths to choose from.

    Returns:
        One of them; and of each of the others a dict of "width", by how much it is
        "better" than the first, in the figure that chooses the epoch, and the
        "standard_error" of that.
    """
    part = data.validation

    def scores(width: int) -> np.ndarray:
        found = captioner.caption_grids(part.batches(), width=width)
        texts = [best.text for best, *_ in found]
        return each_score(texts, part, data.vocabulary)

    first, *others = widths
    own = scores(first)
    compared = []
    for width in others:
        gain, error = mean_and_error(scores(width) - own)
        compared.append({"width": width, "better": gain, "standard_error": error})
    better = [row for row in compared if row["better"] > row["standard_error"]]
    best = max(better, key=lambda row: row["better"], default={"width": first})
    return int(best["width"]), compared


def each_score(texts: Sequence[str], part: Part, vocabulary: Vocabulary) -> np.ndarray:
    """Of each caption, 1 if it is true and complete of its scene, else 0; of other
    images its CIDEr-D.
    """
    if part.scenes:
        pairs = zip(texts, part.scenes.digits, strict=True)
        return np.array(
            [float(judge(text, known, SIDE).right) for text, known in pairs]
        )
    return Cider(part.captions, split=words_of(vocabulary)).scores(texts)


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """The mean of some values, and its standard error; infinite of a single one."""
    count = len(values)
    error = values.std(ddof=1) / np.sqrt(count) if count > 1 else np.inf
    return float(values.mean()), float(error)


def tokenizer_of(vocabulary: Vocabulary) -> str:
    """What sacreBLEU takes apart: words; characters where there are no words."""
    return "char" if _without_spaces(vocabulary) else "none"


def words_of(vocabulary: Vocabulary) -> Callable[[str], list[str]]:
    """Function from a caption to the words that CIDEr compares."""
    if _without_spaces(vocabulary):
        return lambda text: list(text.replace(" ", ""))
    return str.split


def _without_spaces(vocabulary: Vocabulary) -> bool:
    """Whether captions have no spaces between words, or words that don't recur."""
    if isinstance(vocabulary, WordVocabulary):
        return is_mostly_unspaced(" ".join(vocabulary.words))
    return isinstance(vocabulary, SubwordVocabulary)


def bleu(
    texts: Sequence[str],
    references: Sequence[Sequence[str]],
    tokenize: str,
    order: int = 4,
) -> float:
    """BLEU of captions with several references each, in percent.

    Args:
        texts: A string an image.
        references: A list of strings an image.
        tokenize: sacreBLEU's tokenizer.
        order: Longest group of words that is compared.

    Returns:
        Float.
    """
    return _bleu(tokenize, order).corpus_score(texts, by_turn(references)).score


def _bleu(tokenize: str, order: int) -> Any:
    metrics = require("sacrebleu.metrics", "recipes")
    return metrics.BLEU(tokenize=tokenize, max_ngram_order=order)


def by_turn(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References as sacreBLEU takes them: the first of all images, the second, ..."""
    most = max(map(len, references))
    return [
        [texts[turn] if turn < len(texts) else None for texts in references]
        for turn in range(most)
    ]


def figures_of(
    texts: Sequence[str], references: Sequence[Sequence[str]], vocabulary: Vocabulary
) -> dict[str, Any]:
    """BLEU-1 to 4, chrF and CIDEr-D of captions.

    Args:
        texts: A string an image.
        references: A list of strings an image.
        vocabulary: That of the captions.

    Returns:
        Dict of "bleu_1" to "bleu_4", "chrf", "cider" and "signatures".
    """
    metrics = require("sacrebleu.metrics", "recipes")
    tokenize, turns = tokenizer_of(vocabulary), by_turn(references)
    chrf, four = metrics.CHRF(), _bleu(tokenize, 4)
    cider = Cider(references, split=words_of(vocabulary))
    found = {
        f"bleu_{order}": bleu(texts, references, tokenize, order) for order in (1, 2, 3)
    }
    return {
        **found,
        "bleu_4": four.corpus_score(texts, turns).score,
        "chrf": chrf.corpus_score(texts, turns).score,
        "cider": float(cider.scores(texts).mean()),
        "signatures": {
            "bleu": str(four.get_signature()),
            "chrf": str(chrf.get_signature()),
        },
    }


def truth(texts: Sequence[str], scenes: Scenes) -> dict[str, Any]:
    """How many captions are true of their scenes.

    Args:
        texts: A string a scene.
        scenes: `Scenes`.

    Returns:
        Dict of shares: "readable", "true", "complete", and "right", those that are true
        and complete; and "by_digits", the last by the number of digits.
    """
    verdicts = [
        judge(text, digits, SIDE)
        for text, digits in zip(texts, scenes.digits, strict=True)
    ]
    numbers = np.array([len(digits) for digits in scenes.digits])
    right = np.array([verdict.right for verdict in verdicts])
    return {
        **{
            name: float(np.mean([getattr(verdict, name) for verdict in verdicts]))
            for name in ("readable", "true", "complete", "right")
        },
        "by_digits": [
            {
                "digits": int(number),
                "scenes": int((numbers == number).sum()),
                "right": float(right[numbers == number].mean()),
            }
            for number in np.unique(numbers)
        ],
    }


def attention_hits(found: Sequence[Caption], scenes: Scenes) -> dict[str, Any]:
    """Whether attention is on the digit that is being named.

    Counted are the words that name a digit which is in the scene. The hit is that the
    cell with the greatest weight overlaps the box of a digit of that value and size;
    chance is the share of the cells that do; the mass is the share of the weights on
    them.

    Args:
        found: For each scene its `Caption`.
        scenes: `Scenes`.

    Returns:
        Dict of "words", their number, and the means "peak", "mass" and "chance".
    """
    rows = []
    for caption, digits in zip(found, scenes.digits, strict=True):
        grid = caption.attention.shape[1:]
        for place, kind in named_digits(caption.words):
            boxes = [digit.box for digit in digits if (digit.value, digit.size) == kind]
            if boxes:
                inside = np.any([cells_of(box, grid) for box in boxes], axis=0)
                weights = caption.attention[place]
                peak = np.unravel_index(weights.argmax(), grid)
                rows.append((inside[peak], weights[inside].sum(), inside.mean()))
    means = np.mean(rows, axis=0) if rows else [float("nan")] * 3
    return {
        "words": len(rows),
        **dict(zip(("peak", "mass", "chance"), map(float, means), strict=True)),
    }


def named_digits(words: Sequence[str]) -> list[tuple[int, Kind]]:
    """Places of the words that name a digit, each with value and size.

    Args:
        words: The words of a caption.

    Returns:
        List of pairs of a place and a pair of value and size.
    """
    found = []
    for place in range(1, len(words)):
        size = next((s for s, some in SIZES.items() if words[place - 1] in some), None)
        nouns = PLURALS if words[place] in PLURALS else NAMES
        if size is not None and words[place] in nouns:
            found.append((place, (nouns.index(words[place]), size)))
    return found


def cells_of(box: Box, grid: tuple[int, int]) -> np.ndarray:
    """The cells of a grid over a scene that overlap a box: booleans (h, w)."""
    top, left, bottom, right = box

    def overlaps(start: int, end: int, count: int) -> np.ndarray:
        edges = np.arange(count + 1) * SIDE / count
        return (edges[1:] > start) & (edges[:-1] < end)

    rows, columns = overlaps(top, bottom, grid[0]), overlaps(left, right, grid[1])
    return rows[:, None] & columns


def baseline_captions(
    captioner: Captioner, data: Data, nearest: np.ndarray | None = None
) -> dict[str, list[str]]:
    """What to compare with: the most frequent caption, and that of the nearest image.

    Args:
        captioner: The `Captioner`.
        data: The recipe's `Data`.
        nearest: What `nearest_images` gives, the nearest first; None: it is called.

    Returns:
        Dict of lists of strings, of the nearest image's captions the first.
    """
    frequent = most_frequent_caption(
        text for texts in data.train.captions for text in texts
    )
    if nearest is None:
        nearest = nearest_images(captioner, data, 1)
    return {
        "most_frequent": [frequent] * len(data.test),
        "nearest": [data.train.captions[i][0] for i in nearest[:, 0]],
    }


def nearest_images(captioner: Captioner, data: Data, count: int) -> np.ndarray:
    """The training images that are most like each test image.

    Those whose features, in the grids that the decoder attends to before positions
    are added, have the greatest cosine with those of the image, from the mean of the
    training images. The features are the means of a photograph's grid; of a scene's,
    where places count, those of its nine parts.

    Args:
        captioner: The `Captioner`.
        data: The recipe's `Data`.
        count: How many; there may be fewer images.

    Returns:
        Integers, shape (test images, count), the nearest first.
    """
    known, asked = (
        pooled_features(captioner, part, 3 if part.scenes else 1)
        for part in (data.train, data.test)
    )
    centre = known.mean(axis=0)
    for features in (known, asked):
        features -= centre
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        features /= np.maximum(lengths, 1e-6)
    return np.concatenate(
        [
            np.argsort(-(asked[start : start + 256] @ known.T), axis=1, kind="stable")[
                :, :count
            ]
            for start in range(0, len(asked), 256)
        ]
    )


def pooled_features(captioner: Captioner, part: Part, pieces: int) -> np.ndarray:
    """Means of the pieces of each image's grid: float32 (N, pieces² · C).

    Of a network that is trained here the grid is what it makes of the pixels.

    Args:
        captioner: The `Captioner`.
        part: `Part`.
        pieces: Into how many pieces each side of the grid is cut, as equal as may be.
    """
    encoder = captioner.model.encoder
    return np.concatenate(
        [
            pooled(keras.ops.convert_to_numpy(encoder.features(grids)), pieces)
            for grids in part.batches()
        ]
    )


def pooled(grids: np.ndarray, pieces: int) -> np.ndarray:
    """Means of the pieces of grids (B, h, w, C), row by row: (B, pieces² · C)."""
    rows = np.array_split(grids.astype("float32"), pieces, axis=1)
    cells = [
        cell.mean(axis=(1, 2))
        for row in rows
        for cell in np.array_split(row, pieces, 2)
    ]
    return np.concatenate(cells, axis=1)
