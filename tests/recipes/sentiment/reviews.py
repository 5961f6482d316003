"""Reviews that two words tell apart."""

import numpy as np

GOOD = ("fine", "lovely", "warm", "witty")
BAD = ("dull", "limp", "sour", "trite")
OTHER = ("film", "plot", "cast", "score", "scene", "end", "pace", "tone", "role")


def reviews(count, seed, kinds=(("bad", BAD), ("good", GOOD))):
    """Lines of a table: two words tell the label, the others nothing."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        label, telling = kinds[i % len(kinds)]
        words = [*rng.choice(telling, 2), *rng.choice(OTHER, rng.integers(3, 9))]
        yield f"{label}\t{' '.join(rng.permutation(words))} {i}.\n"
