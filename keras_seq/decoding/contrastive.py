"""Contrastive search: likely tokens whose hidden state says something new."""

import numbers
import typing
from collections.abc import Callable

from keras import ops

from keras_seq.decoding._arguments import Id, check_count, check_numbers
from keras_seq.decoding._shown import with_arguments
from keras_seq.typing import Array, ArrayLike, Integers, Nest, Numbers, Tensor

Past: typing.TypeAlias = tuple[ArrayLike, ArrayLike | None]
"""Hidden states (B, P, D), and where they count (B, P), or None for everywhere."""


class Contrastive:
    """Takes of the k likeliest tokens the one that is likely and unlike what was.

    ```
    token_t = argmax_{v of the k likeliest}  (1 - α) p(v | y_<t) - α max_j cos(h_v, h_j)
    ```

    h_v is the hidden state of the model when it has read v, and h_j are those of all
    tokens that it has read before, the start token first. A model that begins to repeat
    itself comes back to hidden states that it had: the second term, the degeneration
    penalty, keeps it from that, without chance. With α = 0 or k = 1 it gives what
    `Greedy` gives.

    The k candidates of a row are read at once, each as a row of its own: `step` finds
    B·k rows wherever B is said of what it is given and returns, but at its first call,
    B. It must give its hidden state to keep: of a recurrent model the last layer's h,
    which is in the state that it returns. p is that of the logits that constraint and
    processors leave, so a forbidden token is never taken. The candidates for the last
    token are read too: a state with room for so many steps, as a transformer's, needs
    `max_length` + 1. Where a hidden state is NaN, its candidate isn't taken; where all
    are, the likeliest is.

    Args:
        top_k: k: a positive integer; or an integer tensor, a scalar or of shape (B,),
            with `max_top_k`. 4 to 10 is usual.
        degeneration_penalty: α, in [0, 1]: a number or a tensor, a scalar or of shape
            (B,). 0.6 is usual. The values of symbolic tensors can't be checked here;
            out of its range each acts as the nearest that is in it.
        max_top_k: The largest k, a positive integer; by default k, which then must be
            an integer.
        hidden: Function from what the step gives to keep to h, shape (B, D). By default
            that is what is kept, or its entry "hidden".
        past: Function from the `constants` of `generate` to the hidden states of the
            tokens before the start token, those of a prompt, shape (B, P, D), and True
            where they count, shape (B, P), or None for everywhere; they count among the
            h_j. By default there are none.
        window: How many h_j at most, those of the last tokens that were read (and all
            of `past`): so many are kept, however long the rows are. None for all.

    Raises:
        ValueError: If a value is out of its range.

    Example:

    The likeliest goes round in a circle, 1, 2, 1, 2; what is new comes next to it:

    >>> import numpy as np
    >>> from keras_seq.decoding import generate
    >>> p = np.full((5, 5), 0.1)
    >>> for before, likely, next_to_it in [(0, 1, 2), (1, 2, 3), (2, 1, 4)]:
    ...     p[before, [likely, next_to_it]] = 0.4, 0.3
    >>> def step(tokens, state):
    ...     return ops.take(np.log(p), tokens, axis=0), state, ops.one_hot(tokens, 5)
    >>> for strategy in Contrastive(2, 0.0), Contrastive(2, 0.6):
    ...     ids = generate(step, (), [0], max_length=4, strategy=strategy).ids
    ...     print(ids.numpy()[0])
    [1 2 1 2]
    [1 2 4 0]

    References:
        Su, Lan, Wang, Yogatama, Kong and Collier (2022), A contrastive framework for
        neural text generation (equation 5).
    """

    def __repr__(self) -> str:
        return with_arguments(self)

    @typing.overload
    def __init__(
        self,
        top_k: Id = 4,
        degeneration_penalty: Numbers = 0.6,
        *,
        max_top_k: Id | None = None,
        hidden: Callable[[Nest], Tensor] | None = None,
        past: Callable[[Nest], Past] | None = None,
        window: Id | None = None,
    ) -> None: ...

    @typing.overload
    def __init__(
        self,
        top_k: Array,
        degeneration_penalty: Numbers = 0.6,
        *,
        max_top_k: Id,
        hidden: Callable[[Nest], Tensor] | None = None,
        past: Callable[[Nest], Past] | None = None,
        window: Id | None = None,
    ) -> None: ...

    def __init__(
        self,
        top_k: Integers = 4,
        degeneration_penalty: Numbers = 0.6,
        *,
        max_top_k: Id | None = None,
        hidden: Callable[[Nest], Tensor] | None = None,
        past: Callable[[Nest], Past] | None = None,
        window: Id | None = None,
    ) -> None:
        most: typing.Any = top_k if max_top_k is None else max_top_k
        name = "top_k" if max_top_k is None else "max_top_k"
        check_count(name, most)
        if not isinstance(most, numbers.Integral):
            raise ValueError(
                "`max_top_k` must be a positive integer where `top_k` is a tensor; "
                f"received {max_top_k!r}."
            )
        check_count("top_k", top_k, int(most))
        check_numbers(
            "degeneration_penalty",
            degeneration_penalty,
            "in [0, 1]",
            lambda number: 0 <= number <= 1,
        )
        for name, function in (("hidden", hidden), ("past", past)):
            if function is not None and not callable(function):
                raise ValueError(
                    f"`{name}` must be a function or None; received {function!r}."
                )
        if window is not None and not isinstance(window, numbers.Integral):
            raise ValueError(
                f"`window` must be a positive integer or None; received {window!r}."
            )
        if window is not None:
            check_count("window", window)
        self.top_k = top_k
        self.degeneration_penalty = degeneration_penalty
        self.max_top_k = int(most)
        self.hidden = hidden
        self.past = past
        self.window = None if window is None else int(window)

    def hidden_in(self, keep: Nest, rows: int | None) -> Tensor:
        """The hidden states in what the step gives to keep, float32 (rows, D).

        Raises:
            ValueError: If there are none.
        """
        if self.hidden is not None:
            hidden = self.hidden(keep)
        else:
            hidden = keep.get("hidden") if isinstance(keep, dict) else keep
        shape = getattr(hidden, "shape", None)
        if shape is None or len(shape) != 2 or not _fits(shape, (rows, None)):
            raise ValueError(
                "`hidden` must give the hidden states of shape (B, D), by default what "
                'the step gives to keep or its entry "hidden"; received '
                f"{type(hidden).__name__ if shape is None else tuple(shape)}."
            )
        return ops.cast(hidden, "float32")

    def past_in(
        self, constants: Nest, batch: int | None, size: int | None
    ) -> tuple[Tensor, Tensor | None] | None:
        """The hidden states of `past`, float32 (B, P, D), and the mask; or None.

        Raises:
            ValueError: If they are none, or not of the step's size.
        """
        if self.past is None:
            return None
        given = self.past(constants)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise ValueError(
                "`past` must give hidden states (B, P, D) and a mask (B, P) or None; "
                f"received a {type(given).__name__}."
            )
        states = ops.cast(ops.convert_to_tensor(given[0]), "float32")
        mask = None if given[1] is None else ops.convert_to_tensor(given[1])
        expected = (batch, None, size)
        fits = len(states.shape) == 3 and _fits(states.shape, expected)
        if mask is not None:
            fits = fits and len(mask.shape) == 2
            fits = fits and _fits(mask.shape, states.shape[:2])
        if not fits:
            masked = "no mask" if mask is None else f"a mask {tuple(mask.shape)}"
            raise ValueError(
                "`past` must give hidden states (B, P, D) with B = "
                f"{batch} and D = {size}, and a mask (B, P) or None; received shape "
                f"{tuple(states.shape)} and {masked}."
            )
        return states, None if mask is None else ops.cast(mask, "bool")


def _fits(shape: typing.Any, expected: typing.Any) -> bool:
    return all(
        None in sizes or sizes[0] == sizes[1]
        for sizes in zip(shape, expected, strict=True)
    )
