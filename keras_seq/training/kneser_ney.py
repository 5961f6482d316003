"""Kneser-Ney smoothing: the n-gram baseline for words."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

from keras_seq.training.ngram import NgramModel

if TYPE_CHECKING:
    from typing_extensions import Self


class KneserNeyModel(NgramModel):
    """Interpolated n-gram model with Kneser-Ney smoothing.

    ```
    p_n(w | c) = max(a(c w) - D_n, 0) / a(c) + D_n types(c) / a(c) p_{n-1}(w | c')
    p_0(w) = 1 / vocabulary_size
    ```

    where c are the n - 1 symbols before w, c' is c without its first symbol, types(c)
    is the number of distinct symbols seen after c, a(c) = Σ_w a(c w), and a(c w) is

    - for the longest n-grams the number of times that c w was seen;
    - for shorter ones the number of distinct symbols seen before c w: "Francisco" is
      frequent, but comes after "San" alone. (What stands at the start of a sequence has
      nothing before it, and counts as often as it was seen.)

    D_n = n_1 / (n_1 + 2 n_2), with n_k the number of n-grams with a = k; ½ where no
    n-gram has a = 1. Where c was never seen p_n is p_{n-1}.

    Args:
        order: n, at least 0.
        vocabulary_size: Number of symbols that could come, seen or not.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> model = KneserNeyModel(2, vocabulary_size=4).fit(["abab", "acb"])
    >>> total = sum(model.probability(symbol, "a") for symbol in "abcd")
    >>> round(model.probability("b", "a"), 3), round(total, 9)
    (0.654, 1.0)

    References:
        Kneser and Ney (1995), Improved backing-off for m-gram language modeling.
        Chen and Goodman (1999), An empirical study of smoothing techniques for
        language modeling.
    """

    def __init__(self, order: int, vocabulary_size: int) -> None:
        super().__init__(order, vocabulary_size)
        self._before: dict[tuple[Hashable, ...], set[Hashable]] = defaultdict(set)
        self._discounts: list[float] = []

    def fit(self, sequences: Iterable[Iterable[Hashable]]) -> "Self":
        super().fit(sequences)
        self._discounts = [self._discount(n) for n in range(self.order)]
        return self

    def _counts_here(self, sequence: tuple[Hashable, ...], end: int, n: int) -> bool:
        if n == self.order - 1 or end == n:
            return True
        seen = self._before[sequence[end - n : end + 1]]
        left = sequence[end - n - 1]
        if left in seen:
            return False
        seen.add(left)
        return True

    def _discount(self, length: int) -> float:
        """D of the n-grams whose context has a length."""
        adjusted = Counter(
            count
            for context, counts in self._counts.items()
            if len(context) == length
            for count in counts.values()
        )
        once, twice = adjusted[1], adjusted[2]
        # Without any that came once, the estimate would leave nothing for the unseen.
        return once / (once + 2 * twice) if once else 0.5

    def _interpolated(
        self, context: tuple[Hashable, ...], symbol: Hashable, shorter: float
    ) -> float:
        counts, discount = self._counts[context], self._discounts[len(context)]
        kept = max(counts[symbol] - discount, 0)
        return (kept + discount * len(counts) * shorter) / self._totals[context]
