"""Beam search: how wide, and how hypotheses are scored."""

import math
import numbers
import typing
from collections.abc import Callable

import keras

from keras_seq.decoding._arguments import Id, as_tensor, check_count, check_numbers
from keras_seq.decoding._shown import with_arguments
from keras_seq.typing import Array, ArrayLike, Integers, Nest, Numbers, Tensor


class Beam:
    """Keeps the W likeliest hypotheses of each row, and returns the best.

    ```
    score(Y) = ln P(Y) / lp(Y) + cp(Y)
    lp(Y) = ((5 + |Y|) / 6)^α
    cp(Y) = β Σ_s ln min(max(Σ_t a_ts, 10⁻⁶), 1)
    ```

    |Y| counts the tokens, the end token among them; a_ts is the attention paid
    to the source position s when the token t is chosen, the end token among
    them. α is `length_penalty`: above 0 it favours longer hypotheses. β is
    `coverage_penalty`: above 0 it favours hypotheses that leave no part of the
    source unattended.

    At each step, the hypotheses are made longer by every token, and compared by
    ln P, all being equally long. Of the best W, those that end go to a pool of
    the W best finished hypotheses by score; the best W that don't end go on. So
    a finished hypothesis is only ever lost to a better one. A row is done when
    its pool is full and nothing that goes on can still beat the worst in it,
    whatever follows (this is proved, not guessed), or at `max_length`. With a
    width of at least V^L this is exhaustive search; with a width of 1 and no
    penalties it gives what `Greedy` gives.

    `generate` then returns W hypotheses a row: the finished ones first, best
    first; then, if fewer than W finished, the best of those that were cut off
    at `max_length` (`finished` False). Places for which there are no hypotheses
    have a score of -inf (which JSON can't carry: a served model should put a
    number in its place) and no tokens. Tokens with a logit of -inf are never
    chosen. A hypothesis whose logits hold NaN or +inf is dropped, and so is one
    whose coverage is NaN where that counts.

    Args:
        width: W: a positive integer, at most 65,536; or an integer tensor, a scalar
            or of shape (B,), with `max_width`. A row gives what it gives alone with
            its own width. (On PyTorch, which of equally likely tokens are taken is left
            open; elsewhere it is those with the lower ids.)
        length_penalty: α, at least 0 and finite. 0.6 to 1 is usual.
        coverage_penalty: β, at least 0 and finite. 0.2 is usual.
        max_width: The largest W, a positive integer; by default the width,
            which then must be an integer.
        coverage: Function from what the step gives to keep to the attention,
            shape (B·W, S). By default that is what is kept, or its entry
            "attention". It isn't called where `coverage_penalty` is the number
            0.
        coverage_mask: Boolean tensor of shape (B, S): True for the source
            positions that count, as the memory's mask has it. None counts all
            S; then what is never attended because it is padding costs
            β ln 10⁻⁶, every hypothesis of the row alike: their order stays, but
            scores of differently padded rows can't be compared.

        groups: G, a positive integer that divides the width, which then is an
            integer. Above 1 the search is diverse: see below.
        diversity_penalty: δ, at least 0 and finite. 0.2 to 1 is usual.

    With G groups, each of W/G hypotheses searches by itself, but that at each step
    the groups choose in turn, and what the groups before have chosen counts
    against a token:

    ```
    ln P(Y) - δ · n_v        n_v: how many hypotheses that go on, of the groups
                             before, have the token v at this step
    ```

    That decides which hypotheses survive; their scores know nothing of it. The W
    of a row come in one order.

    The penalties are numbers or tensors: scalars, or of shape (B,). The values
    of symbolic tensors can't be checked here; out of its range each of them
    acts as the nearest that is in it.

    Raises:
        ValueError: If a value is out of its range.

    Example:

    The likeliest first token, 1, leads nowhere likely:

    >>> import numpy as np
    >>> from keras_seq.decoding import generate
    >>> p = np.array([[0.02, 0.55, 0.43], [0.34, 0.33, 0.33], [0.9, 0.05, 0.05]])
    >>> def step(tokens, state):
    ...     return keras.ops.take(np.log(p), tokens, axis=0), state
    >>> result = generate(
    ...     step, (), np.array([0]), max_length=3, strategy=Beam(2), end_token=0
    ... )
    >>> result.ids.numpy()[0]
    array([[2, 0, 0],
           [1, 0, 0]], dtype=int32)
    >>> np.exp(result.scores.numpy()).round(3)
    array([[0.387, 0.187]], dtype=float32)

    References:
        Wu et al. (2016), Google's neural machine translation system, section 7
        (both penalties; there a hypothesis is cut off by its probability too,
        and coverage has no floor). Vijayakumar et al. (2018), Diverse beam
        search: decoding diverse solutions from neural sequence models (with
        Hamming diversity).
    """

    def __repr__(self) -> str:
        return with_arguments(self)

    @typing.overload
    def __init__(
        self,
        width: Id,
        *,
        length_penalty: Numbers = 0.0,
        coverage_penalty: Numbers = 0.0,
        max_width: Id | None = None,
        coverage: Callable[[Nest], Tensor] | None = None,
        coverage_mask: ArrayLike | None = None,
        groups: Id = 1,
        diversity_penalty: Numbers = 0.0,
    ) -> None: ...

    @typing.overload
    def __init__(
        self,
        width: Array,
        *,
        length_penalty: Numbers = 0.0,
        coverage_penalty: Numbers = 0.0,
        max_width: Id,
        coverage: Callable[[Nest], Tensor] | None = None,
        coverage_mask: ArrayLike | None = None,
    ) -> None: ...

    def __init__(
        self,
        width: Integers,
        *,
        length_penalty: Numbers = 0.0,
        coverage_penalty: Numbers = 0.0,
        max_width: Id | None = None,
        coverage: Callable[[Nest], Tensor] | None = None,
        coverage_mask: ArrayLike | None = None,
        groups: Id = 1,
        diversity_penalty: Numbers = 0.0,
    ) -> None:
        if max_width is None:
            if _is_tensor(width):
                raise ValueError(
                    "`max_width` must be a positive integer where `width` is a "
                    "tensor; received None."
                )
            check_count("width", width)
        widest: typing.Any = width if max_width is None else max_width
        if _is_tensor(widest):
            raise ValueError(
                f"`max_width` must be a positive integer; received {widest!r}."
            )
        check_count("max_width" if max_width is not None else "width", widest)
        if widest > _WIDEST:
            name = "width" if max_width is None else "max_width"
            raise ValueError(f"`{name}` must be at most {_WIDEST}; received {widest}.")
        check_count("width", width, widest)
        for name, value in (
            ("length_penalty", length_penalty),
            ("coverage_penalty", coverage_penalty),
            ("diversity_penalty", diversity_penalty),
        ):
            check_numbers(
                name,
                value,
                "at least 0 and finite",
                lambda number: 0 <= number < math.inf,
            )
        if coverage is not None and not callable(coverage):
            raise ValueError(
                "`coverage` must be a function from what the step gives to keep to "
                f"the attention, or None; received {coverage!r}."
            )
        _check_groups(groups, width, int(widest))
        self.width = width
        self.max_width = int(widest)
        self.length_penalty = length_penalty
        self.coverage_penalty = coverage_penalty
        self.coverage = coverage
        self.coverage_mask = coverage_mask
        self.groups = int(groups)
        self.diversity_penalty = diversity_penalty

    @property
    def covers(self) -> bool:
        """Whether the coverage counts, or may do so."""
        penalty = self.coverage_penalty
        return not isinstance(penalty, numbers.Real) or float(penalty) > 0

    def attention_in(self, keep: Nest) -> Tensor:
        """The attention in what the step gives to keep, (B·W, S).

        Raises:
            ValueError: If there is none.
        """
        if self.coverage is not None:
            attention = self.coverage(keep)
        else:
            attention = keep
            if isinstance(keep, dict):
                attention = keep.get("attention")
        shape = getattr(attention, "shape", None)
        if shape is None or len(shape) != 2:
            raise ValueError(
                "`coverage` must give the attention of shape (B·W, S) where there "
                "is a `coverage_penalty`, by default what the step gives to keep or "
                'its entry "attention"; received '
                f"{attention if shape is None else tuple(shape)}."
            )
        return attention

    def mask_for(self, batch: int | None) -> Tensor | None:
        """The `coverage_mask` as a tensor (B, S), or None.

        Raises:
            ValueError: If it is no boolean tensor of this many rows.
        """
        if self.coverage_mask is None:
            return None
        expected = f"booleans of shape (B, S) with B = {batch}"
        mask = as_tensor("coverage_mask", self.coverage_mask, expected)
        dtype = keras.backend.standardize_dtype(mask.dtype)
        rows = mask.shape[0] if len(mask.shape) == 2 else 0
        if dtype != "bool" or rows not in (None, batch or rows) or rows == 0:
            raise ValueError(
                f"`coverage_mask` must be {expected}; received dtype {dtype}, shape "
                f"{tuple(mask.shape)}."
            )
        return mask


_WIDEST = 2**16  # room is taken for all


def _is_tensor(value: object) -> bool:
    """Whether it has a shape and is no number, as NumPy's scalars are."""
    return hasattr(value, "shape") and not isinstance(value, numbers.Number)


def _check_groups(groups: Id, width: Integers, widest: int) -> None:
    """Refuses groups that can't be of one size."""
    if _is_tensor(groups):
        raise ValueError(f"`groups` must be a positive integer; received {groups!r}.")
    check_count("groups", groups)
    if groups > 1 and (_is_tensor(width) or width != widest or widest % groups):
        raise ValueError(
            f"`groups` must divide `width`, an integer without a larger `max_width`; "
            f"received groups {groups}, width {width!r}, max_width {widest}."
        )
