"""What a translator gives for a sentence."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Translation:
    """One translation of a sentence.

    Attributes:
        text: The translation.
        score: ln p of it, divided by the length penalty, with the coverage
            penalty: what the search ranked it by.
        finished: Whether the model ended it, rather than the length.
        source: What stands for the source's tokens, the end mark last.
        target: What stands for the translation's tokens, the end mark last if
            the model came to it.
        alignment: Weights of the source's tokens, shape (target, source).
    """

    text: str
    score: float
    finished: bool
    source: list[str]
    target: list[str]
    alignment: np.ndarray
