"""CIDEr-D: how well captions agree with what several people wrote."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np

_LONGEST = 4  # words in a group
_SIGMA = 6.0  # words

_Group: TypeAlias = tuple[str, ...]
# The vector of each n, their lengths, and the number of words.
_Weighed: TypeAlias = tuple[list[dict[_Group, float]], list[float], int]


class Cider:
    """CIDEr-D of captions that have several references each.

    A caption c and a reference r are, for n = 1 to 4, vectors of their groups of n
    words ω, weighted by how rare they are among the images I:

    ```
    g_n(c)_ω = count_ω(c) · ln(|I| / max(1, |images with ω in a reference|))
    s_n(c, r) = min(g_n(c), g_n(r)) · g_n(r) / (|g_n(c)| |g_n(r)|)
                · exp(-(len(c) - len(r))² / (2 · 6²))
    CIDEr-D(c) = 10/4 Σ_n mean_r s_n(c, r)
    ```

    0 is the worst, 10 what is like all its references. Rarity is measured on the
    references given, so figures of different test sets can't be compared, and with a
    single image all weights are 0. Words are what white space separates: give texts
    in lower case and without punctuation, as is usual.

    Args:
        references: For each image a list of strings, at least one.
        split: Function from a text to its words.

    Raises:
        ValueError: If an image has no reference.

    Example:

    >>> cider = Cider([["a cat", "the cat sat"], ["a dog", "my dog ran"]])
    >>> cider.scores(["a cat", "a bird"]).round(2).tolist()
    [3.21, 0.0]

    References:
        Vedantam, Zitnick and Parikh (2015), CIDEr: Consensus-based image description
        evaluation.
    """

    def __init__(
        self,
        references: Iterable[Iterable[str]],
        *,
        split: Callable[[str], Sequence[str]] = str.split,
    ) -> None:
        self.split = split
        counted = [[self._groups(text) for text in texts] for texts in references]
        for number, texts in enumerate(counted):
            if not texts:
                raise ValueError(
                    "`references` must have at least one text for each image; number "
                    f"{number} has none."
                )
        images: Counter[_Group] = Counter()
        for texts in counted:
            images.update({group for groups in texts for n in groups for group in n})
        self._rarity = {
            group: math.log(len(counted) / count) for group, count in images.items()
        }
        self._unseen = math.log(max(len(counted), 1))
        self._references = [[self._weighed(g) for g in texts] for texts in counted]

    def scores(self, candidates: Iterable[str]) -> np.ndarray:
        """CIDEr-D of each caption.

        Args:
            candidates: A string for each image, in the order of the references.

        Returns:
            float64 array.

        Raises:
            ValueError: If there are more or fewer.
        """
        candidates = list(candidates)
        if len(candidates) != len(self._references):
            raise ValueError(
                f"`candidates` must be as many as the images, {len(self._references)}; "
                f"received {len(candidates)}."
            )
        found = []
        for text, references in zip(candidates, self._references, strict=True):
            candidate = self._weighed(self._groups(text))
            each = [_similarity(candidate, reference) for reference in references]
            found.append(10 * sum(each) / len(each))
        return np.array(found)

    def consensus(self, texts: Iterable[str]) -> np.ndarray:
        """How well each of some texts agrees with the others.

        Args:
            texts: Strings, as captions of like images, all compared with all; rarity
                is that of the references.

        Returns:
            float64 array: of each text the mean CIDEr-D, between 0 and 10, each of
            the others being its reference; 0 if there is no other.

        Example:

        >>> cider = Cider([["a cat", "the cat sat"], ["a dog", "my dog ran"]])
        >>> cider.consensus(["a cat", "the cat", "a dog"]).round(2).tolist()
        [0.88, 0.88, 0.0]

        References:
            Devlin et al. (2015), Exploring nearest neighbor approaches for image
            captioning.
        """
        groups = [self._groups(text) for text in texts]
        count = len(groups)
        total = np.zeros((count, count))
        every = [self._weighed(one)[1] for one in groups]
        for n in range(_LONGEST):
            texts_with = Counter(group for one in groups for group in one[n])
            # Most are in one text alone, and count in its length only.
            places = {
                g: i for i, g in enumerate(g for g, t in texts_with.items() if t > 1)
            }
            counts = np.zeros((count, len(places)), "float32")
            for row, one in enumerate(groups):
                for group, times in one[n].items():
                    if group in places:
                        counts[row, places[group]] = times
            rarity = np.array([self._rarity.get(g, self._unseen) for g in places])
            # min(a, b) is how many of 1, 2, ... are up to both a and b.
            shared = np.zeros((count, count))
            for times in range(1, int(counts.max(initial=0)) + 1):
                has = counts >= times
                # Not `@`: many threads for so little take longer.
                shared += np.einsum("ag,bg->ab", has * rarity**2, has * counts)
            lengths = np.array([one[n] for one in every])
            product = np.outer(lengths, lengths)
            total += np.divide(shared, product, np.zeros_like(total), where=product > 0)
        words = np.array([sum(one[0].values()) for one in groups], "float64")
        apart = words[:, None] - words
        total *= 10 / _LONGEST * np.exp(-(apart**2) / (2 * _SIGMA**2))
        np.fill_diagonal(total, 0)
        return total.sum(axis=1) / max(1, count - 1)

    def _groups(self, text: str) -> list[Counter[_Group]]:
        """Counts of the groups of 1, 2, 3, 4 words, and no words for the length."""
        words = self.split(text)
        return [
            Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
            for n in range(1, _LONGEST + 1)
        ]

    def _weighed(self, groups: list[Counter[_Group]]) -> _Weighed:
        """Vectors, their lengths, and the number of words."""
        vectors = [
            {g: count * self._rarity.get(g, self._unseen) for g, count in n.items()}
            for n in groups
        ]
        lengths = [math.sqrt(sum(v * v for v in n.values())) for n in vectors]
        return vectors, lengths, sum(groups[0].values())


def _similarity(candidate: _Weighed, reference: _Weighed) -> float:
    """The mean of s_n over n."""
    total = 0.0
    for own, other, length, other_length in zip(
        candidate[0], reference[0], candidate[1], reference[1], strict=True
    ):
        if length and other_length:
            shared = sum(
                min(v, other[g]) * other[g] for g, v in own.items() if g in other
            )
            total += shared / (length * other_length)
    apart = candidate[2] - reference[2]
    return total / _LONGEST * math.exp(-(apart**2) / (2 * _SIGMA**2))
