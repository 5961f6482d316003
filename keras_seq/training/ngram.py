"""An n-gram model: the baseline that a recurrent model has to beat."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from keras_seq.training._arguments import is_integer

if TYPE_CHECKING:
    from typing_extensions import Self


class NgramModel:
    """Interpolated n-gram model with Witten-Bell smoothing.

    ```
    p_n(w | c) = (count(c w) + types(c) p_{n-1}(w | c')) / (count(c) + types(c))
    p_0(w) = 1 / vocabulary_size
    ```

    where c are the n - 1 symbols before w, c' is c without its first symbol,
    and types(c) is the number of distinct symbols seen after c. Order 1 is the
    unigram model, order 0 the uniform one.

    Args:
        order: n, at least 0.
        vocabulary_size: Number of symbols that could come, seen or not.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = NgramModel(2, vocabulary_size=3).fit(["abab"])
    >>> round(model.probability("a", ""), 3), round(model.probability("b", "a"), 3)
    (0.333, 0.844)

    References:
        Witten and Bell (1991), The zero-frequency problem. Chen and Goodman
        (1999), An empirical study of smoothing techniques for language
        modeling.
    """

    def __init__(self, order: int, vocabulary_size: int) -> None:
        for name, value, least in (
            ("order", order, 0),
            ("vocabulary_size", vocabulary_size, 1),
        ):
            if not is_integer(value, least):
                raise ValueError(
                    f"`{name}` must be an integer of at least {least}; received "
                    f"{value!r}."
                )
        self.order = order
        self.vocabulary_size = vocabulary_size
        self._counts: dict[tuple[Hashable, ...], Counter[Hashable]] = defaultdict(
            Counter
        )
        self._totals: dict[tuple[Hashable, ...], int] = {}

    def fit(self, sequences: Iterable[Iterable[Hashable]]) -> "Self":
        """Counts the n-grams of `sequences`, each a string or list of symbols.

        The first symbol of a sequence has no context and is not counted, so a
        start mark should stand there. Called again, it goes on counting.

        Returns:
            The model itself.

        Raises:
            ValueError: If more symbols come than `vocabulary_size` allows.
        """
        for sequence in map(tuple, sequences):
            for end in range(1, len(sequence)):
                for n in range(min(self.order, end + 1)):
                    if self._counts_here(sequence, end, n):
                        context = sequence[end - n : end]
                        self._counts[context][sequence[end]] += 1
        if len(self._counts.get((), ())) > self.vocabulary_size:
            raise ValueError(
                f"`vocabulary_size` is {self.vocabulary_size}, but `sequences` have "
                f"{len(self._counts[()])} different symbols."
            )
        self._totals = {c: counts.total() for c, counts in self._counts.items()}
        return self

    def _counts_here(self, sequence: tuple[Hashable, ...], end: int, n: int) -> bool:
        """Whether the symbol at `end` counts behind the n symbols before it."""
        return True

    def probability(self, symbol: Hashable, context: Iterable[Hashable]) -> float:
        """p(symbol | context); of the context the last n - 1 symbols count."""
        context = tuple(context)
        probability = 1 / self.vocabulary_size
        for n in range(self.order):
            if n > len(context):
                break
            shortened = context[len(context) - n :]
            if shortened not in self._counts:
                break
            probability = self._interpolated(shortened, symbol, probability)
        return probability

    def _interpolated(
        self, context: tuple[Hashable, ...], symbol: Hashable, shorter: float
    ) -> float:
        """The probability behind a context that is known, from that behind fewer."""
        counts, total = self._counts[context], self._totals[context]
        types = len(counts)
        return (counts[symbol] + types * shorter) / (total + types)

    def nats(self, sequence: Iterable[Hashable]) -> list[float]:
        """-ln p of each symbol of `sequence`, the first without a context."""
        sequence = tuple(sequence)
        known = max(0, self.order - 1)
        return [
            -math.log(self.probability(symbol, sequence[max(0, i - known) : i]))
            for i, symbol in enumerate(sequence)
        ]
