"""Tunes that are one melody under several names or in several keys."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations

from keras_seq.music._melodies import Gram, grams, melody
from keras_seq.music.abc import Tune

# A run of intervals that so many tunes share is a commonplace of the style.
_COMMONPLACE = 300
# Tunes with fewer runs than this are compared as if they had so many, lest
# two short ones be joined by one or two runs.
_FEWEST = 40


def duplicate_groups(
    tunes: Sequence[str | Tune], *, n: int = 8, threshold: float = 0.2
) -> list[int]:
    r"""Groups tunes that are the same melody, or variants of it.

    Two tunes are joined if, of the runs of `n` successive intervals in the
    shorter one, at least the share `threshold` occurs in the other (the
    containment of Broder, "On the resemblance and containment of documents",
    1997). Intervals don't change when a tune is transposed; names, meter, unit
    length and bar lines don't matter; grace notes and rests are passed over.
    What is joined to the same tune is one group.

    The defaults come from looking at pairs of 4,883 tunes: O'Neill's, Ryan's,
    Aird's, and a collection of Irish session tunes. Of 20,000 random pairs,
    four shared more than 0.1. From 0.25 to 0.3 nearly all pairs are settings
    of one tune, from 0.2 to 0.25 more than half, from 0.15 to 0.2 about a
    third. Below that, unrelated tunes chain: the largest group has 8 tunes at
    0.2, 17 at 0.15, 1,106 at 0.1. A variant missed puts one melody into both
    training and test data, a pair joined wrongly costs next to nothing, hence
    a low threshold. Settings that differ in most notes are missed.

    Args:
        tunes: Tunes in ABC notation, or as `keras_seq.music.parse` reads them.
        n: Intervals in a run.
        threshold: Share of the shorter tune's runs, above 0 and up to 1.

    Returns:
        For each tune the index of the first tune of its group.

    Raises:
        AbcError: If the text of a tune is malformed.
        ValueError: If `n` or `threshold` is out of range.

    Example:

    >>> one = "X:1\nL:1/8\nK:D\nDFAd fdAF|GBdg bgdB|ABcd efge|fdec d4|"
    >>> two = "X:2\nL:1/8\nK:G\nGBdg bgdB|ce=g=c' ec'gc|defg abc'a|bgaf g4|"
    >>> other = "X:3\nL:1/8\nK:D\nA2FA DAFA|B2GB EBGB|c2ec AcBA|d4 D4|"
    >>> duplicate_groups([one, other, one, two.replace("=", "")])
    [0, 1, 0, 0]
    """
    if n < 1:
        raise ValueError(f"`n` must be at least 1; {n} came.")
    if not 0 < threshold <= 1:
        raise ValueError(f"`threshold` must lie in (0, 1]; {threshold} came.")
    melodies = [melody(tune) for tune in tunes]
    # Imported here, since reading a tune should not import Keras.
    from keras_seq.text.corpora.duplicates import Groups

    groups = Groups(len(melodies))
    first_with: dict[tuple[int, ...], int] = {}
    for index, each in enumerate(melodies):
        if each:
            groups.join(first_with.setdefault(each, index), index)
    # One of each is enough for what follows.
    shingles = {index: grams(each, n) for each, index in first_with.items()}
    shared = _shared_counts(shingles)
    for (one, other), count in shared.items():
        smaller = min(len(shingles[one]), len(shingles[other]))
        if count >= threshold * max(smaller, _FEWEST):
            groups.join(one, other)
    return [groups.find(index) for index in range(len(melodies))]


def _shared_counts(shingles: dict[int, frozenset[Gram]]) -> Counter[tuple[int, int]]:
    """How many runs each pair of tunes shares, where it shares any."""
    holders: dict[Gram, list[int]] = defaultdict(list)
    for index, runs in shingles.items():
        for run in runs:
            holders[run].append(index)
    shared: Counter[tuple[int, int]] = Counter()
    for indices in holders.values():
        if 1 < len(indices) <= _COMMONPLACE:
            shared.update(combinations(indices, 2))
    return shared


def split_by_group(
    groups: Sequence[int], fractions: Sequence[float], *, seed: int
) -> list[list[int]]:
    """Splits indices at random so that no group is on two sides.

    Args:
        groups: The group of each item, as `duplicate_groups` gives it.
        fractions: Share of each side, above 0 and adding up to 1, e.g.
            `(0.8, 0.1, 0.1)`.
        seed: Same seed, same split.

    Returns:
        For each fraction, a sorted list of indices into `groups`. Sizes differ
        from the exact shares by less than the size of the largest group.

    Raises:
        ValueError: If `fractions` are not shares of a whole.

    Example:

    >>> train, test = split_by_group([0, 0, 2, 3, 4, 4], (0.5, 0.5), seed=0)
    >>> len(train), len(test)
    (3, 3)
    """
    if not fractions or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(
            f"`fractions` must be positive and add up to 1; {fractions} came."
        )
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    order = sorted(members)
    random.Random(seed).shuffle(order)
    # Large groups first: the small ones then fill what is missing exactly.
    order.sort(key=lambda group: -len(members[group]))
    sides: list[list[int]] = [[] for _ in fractions]
    wanted = [fraction * len(groups) for fraction in fractions]
    for group in order:
        # By the share still missing, so that each side gets large groups too.
        side = max(range(len(sides)), key=lambda i: 1 - len(sides[i]) / wanted[i])
        sides[side] += members[group]
    return [sorted(side) for side in sides]
