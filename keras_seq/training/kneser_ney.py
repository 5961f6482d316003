"""Kneser-Ney smoothing: the n-gram baseline for words."""

from collections import Counter, defaultdict

from keras_seq.training.ngram import NgramModel


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
    n-gram has a = 1 and none 2. Where c was never seen p_n is p_{n-1}.

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

    def __init__(self, order, vocabulary_size):
        super().__init__(order, vocabulary_size)
        self._before = defaultdict(set)
        self._totals: dict = {}
        self._discounts: list = []

    def fit(self, sequences):
        """Counts the n-grams of `sequences`, each a string or list of symbols.

        The first symbol of a sequence has no context and is not counted, so a
        start mark should stand there. Called again, it goes on counting.

        Returns:
            The model itself.

        Raises:
            ValueError: If more symbols come than `vocabulary_size` allows.
        """
        for sequence in sequences:
            sequence = tuple(sequence)
            for end in range(1, len(sequence)):
                for n in range(min(self.order, end + 1)):
                    context, symbol = sequence[end - n : end], sequence[end]
                    if n < self.order - 1 and end > n:
                        left = sequence[end - n - 1]
                        seen = self._before[context, symbol]
                        if left in seen:
                            continue
                        seen.add(left)
                    self._counts[context][symbol] += 1
        self._check_vocabulary()
        self._totals = {c: counts.total() for c, counts in self._counts.items()}
        self._discounts = [self._discount(n) for n in range(self.order)]
        return self

    def _discount(self, length):
        """D of the n-grams whose context has a length."""
        adjusted = Counter(
            count
            for context, counts in self._counts.items()
            if len(context) == length
            for count in counts.values()
        )
        once, twice = adjusted[1], adjusted[2]
        return once / (once + 2 * twice) if once + twice else 0.5

    def probability(self, symbol, context):
        """p(symbol | context); of the context the last n - 1 symbols count."""
        context = tuple(context)
        probability = 1 / self.vocabulary_size
        for n in range(min(self.order, len(context) + 1)):
            shortened = context[len(context) - n :]
            counts = self._counts.get(shortened)
            if counts is None:
                break
            discount = self._discounts[n]
            probability = (
                max(counts[symbol] - discount, 0) + discount * len(counts) * probability
            ) / self._totals[shortened]
        return probability
