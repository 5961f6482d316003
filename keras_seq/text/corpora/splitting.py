"""Splitting pairs of sentences so that no sentence is on two sides."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from keras_seq.text.corpora.duplicates import (
    duplicate_hash,
    duplicate_key,
    joined_by,
)
from keras_seq.text.corpora.parallel import Pair, PairCorpus

_LARGEST = 0.5  # share of all pairs that may belong together


def split_pairs(
    pairs: PairCorpus | Iterable[Pair],
    sizes: Sequence[float] = (0.8, 0.1, 0.1),
    *,
    seed: int,
    by: str = "source",
) -> tuple[list[Pair], ...]:
    """Splits pairs so that the parts share no source, no target, or neither.

    Pairs that share a sentence stay together, as do, with `by="both"`, pairs
    that are linked through others. Sentences that differ only in case, white
    space, looks or punctuation count as the same (`duplicate_key`).

    Groups of pairs are drawn at random. The last part is filled first, then the
    one before it; the first part takes the rest, and with it the groups that are
    too large for the others. So all parts but the first have their size or a
    little less.

    Args:
        pairs: A `PairCorpus`, or pairs of source and target.
        sizes: Share of each part, together 1, or numbers of pairs, of which the
            first part then has no more either: the rest is left out.
        seed: Seed of the draw. The same pairs and seed give the same split.
        by: "source", "target" or "both": which sentences must not be shared.

    Returns:
        A list of pairs for each part, in the order of `pairs`.

    Raises:
        ValueError: If `sizes` or `by` is neither, there are fewer pairs, a part
            would be empty, or more than half of the pairs belong together.

    Example:

    >>> pairs = [("a", "1"), ("A", "2"), ("b", "3"), ("c", "4"), ("d", "5")]
    >>> train, test = split_pairs(pairs, (0.8, 0.2), seed=1)
    >>> len(train), len(test)
    (4, 1)
    >>> (("a", "1") in train) == (("A", "2") in train)
    True
    """
    pairs = list(pairs.pairs if isinstance(pairs, PairCorpus) else pairs)
    sizes = list(sizes)
    if by not in ("source", "target", "both"):
        raise ValueError(f'`by` must be "source", "target" or "both"; received {by!r}.')
    limits = _limits(sizes, len(pairs))
    groups = _groups(pairs, by)
    random.Random(seed).shuffle(groups)
    parts: list[list[int]] = [[] for _ in sizes]
    for group in groups:
        for part, limit in zip(reversed(parts), reversed(limits), strict=True):
            if len(part) + len(group) <= limit:
                part.extend(group)
                break
    shared = {"both": "sentence"}.get(by, by)
    for part, size in zip(parts, sizes, strict=True):
        if size and not part:
            raise ValueError(
                f"`pairs` must have enough groups that share no {shared} for `sizes` "
                f"{tuple(sizes)}; received {len(pairs)} pairs in {len(groups)} groups, "
                f"the largest of {max(map(len, groups), default=0)}."
            )
    largest = max(groups, key=len)
    if len(parts) > 1 and len(largest) > _LARGEST * len(pairs):
        (side, text), count = _commonest([pairs[i] for i in largest], by)
        raise ValueError(
            f"{len(largest)} of {len(pairs)} pairs belong together, as they share a "
            f"{shared} or are linked by others that do: most of what is trained on "
            "would be these, and all that it is judged by others. The commonest is the "
            f"{side} {text[:60]!r}, in {count} pairs. Leave most of these out, or give "
            "parts of your own."
        )
    return tuple([pairs[i] for i in sorted(part)] for part in parts)


def _commonest(pairs: list[Pair], by: str) -> tuple[tuple[str, str], int]:
    """The sentence that most pairs share, with its side, and how many do."""
    counts = Counter(
        (side, duplicate_key(text))
        for pair in pairs
        for side, text in zip(("source", "target"), pair, strict=True)
        if by in (side, "both")
    )
    [found] = counts.most_common(1)
    return found


def shared_pairs(pairs: Iterable[Pair], others: Iterable[Pair]) -> list[Pair]:
    """The pairs that have a sentence, on either side, in common with others.

    Sentences count as the same as in `split_pairs`. Whoever was given a split finds
    with it the test pairs that aren't new to the model.

    Args:
        pairs: Pairs of source and target.
        others: Pairs of source and target.

    Returns:
        List of those of `pairs`, in their order.

    Example:

    >>> test, train = [("a", "1"), ("b", "2"), ("c", "3")], [("A", "4"), ("d", "3")]
    >>> shared_pairs(test, train)
    [('a', '1'), ('c', '3')]
    """
    known = {
        (side, duplicate_hash(text))
        for pair in others
        for side, text in enumerate(pair)
    }
    return [
        pair
        for pair in pairs
        if any((side, duplicate_hash(text)) in known for side, text in enumerate(pair))
    ]


def _limits(sizes: list[float], count: int) -> list[float]:
    """How many pairs each part may have."""
    if sizes and all(isinstance(size, int) and size >= 0 for size in sizes):
        if sum(sizes) > count:
            raise ValueError(
                f"`sizes` must together be at most the number of pairs, {count}; "
                f"received {tuple(sizes)}."
            )
        return sizes
    if not sizes or min(sizes) < 0 or not abs(sum(sizes) - 1) <= 1e-6:
        raise ValueError(
            "`sizes` must be shares that are together 1, or integers; received "
            f"{tuple(sizes)}."
        )
    return [count, *(round(share * count) for share in sizes[1:])]


def _groups(pairs: list[Pair], by: str) -> list[list[int]]:
    """Places of the pairs that belong together, by their first place."""
    sides = {"source": (0,), "target": (1,), "both": (0, 1)}[by]
    keys = ([(side, duplicate_hash(pair[side])) for side in sides] for pair in pairs)
    return joined_by(keys, len(pairs)).members()
