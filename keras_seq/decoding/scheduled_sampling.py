"""Training on inputs that the model has partly written itself."""

import math
import secrets
import typing
from collections.abc import Callable, Sequence

from keras import ops, tree

from keras_seq.decoding._arguments import (
    Ids,
    as_column,
    as_tokens,
    check_leading_rows,
    check_numbers,
    check_row_count,
    check_rows,
    check_whole,
    known_values,
)
from keras_seq.decoding._loop import while_loop
from keras_seq.decoding._random import row_keys, uniform
from keras_seq.decoding._stepping import (
    Step,
    StepWithConstants,
    as_tensors,
    bind,
    check_step,
    first_step,
)
from keras_seq.decoding._traced import traced
from keras_seq.decoding.strategies import Sample, Strategy, next_token
from keras_seq.typing import Array, ArrayLike, Integers, Nest, Numbers, Tensor

_COIN = 1  # the stream of random numbers; 0 is the strategy's, as in `generate`


@typing.overload
def mix_with_predictions(
    step: Step,
    state: Nest,
    targets: Array | Sequence[Ids],
    *,
    start_tokens: Ids,
    probability: Numbers,
    seed: Integers | None = None,
    strategy: Strategy | None = None,
    constants: None = None,
) -> Tensor: ...


@typing.overload
def mix_with_predictions(
    step: StepWithConstants,
    state: Nest,
    targets: Array | Sequence[Ids],
    *,
    start_tokens: Ids,
    probability: Numbers,
    seed: Integers | None = None,
    strategy: Strategy | None = None,
    constants: Nest,
) -> Tensor: ...


def mix_with_predictions(
    step: Step | StepWithConstants,
    state: Nest,
    targets: Array | Sequence[Ids],
    *,
    start_tokens: Ids,
    probability: Numbers,
    seed: Integers | None = None,
    strategy: Strategy | None = None,
    constants: Nest = None,
) -> Tensor:
    """Inputs for training a decoder, some of them its own predictions.

    ```
    x_1 = start token
    x_t = ŷ_{t-1}   with probability p, drawn for each token of each row
          y_{t-1}   otherwise, the target
    ŷ_t = strategy(logits_t),   logits_t, state_t = step(x_t, state_{t-1})
    ```

    The predictions are made from the mixed inputs before them. All of it runs
    in one loop inside the graph and without gradients: the tokens are what the
    ordinary pass reads in place of the targets shifted by one, and the
    gradients of that pass are those of the paper, which doesn't differentiate
    the choice of tokens either. With p = 0 the result is the targets, shifted;
    with p = 1 it is what `generate` writes with the same seed and strategy,
    shifted.

    Args:
        step: Pure function `(tokens, state[, constants]) -> (logits, state[,
            keep])`, as for `generate`; what it keeps is let go. Layers with
            dropout should be called with `training=False`.
        state: The state before the first step, a nest of tensors with a leading
            B; `()` for none.
        targets: Integer tensor of shape (B, T): the gold tokens y. The last
            ones are not read.
        start_tokens: Integer tensor of shape (B,): what the first step reads.
        probability: p, in [0, 1]: a number, a scalar tensor, or a tensor of
            shape (B,).
        seed: As for `generate`; it should differ from batch to batch, such as
            the optimiser's `iterations`. None draws one when tracing, which a
            compiled training step does once: then the same coins fall in every
            batch.
        strategy: How predictions are chosen; by default `Sample()`, drawn from
            the model's distribution; `Greedy()` takes the likeliest.
        constants: Nest of tensors with a leading B, or None, as for `generate`.

    Returns:
        int32 tensor of shape (B, T): the inputs x.

    Raises:
        ValueError: If an argument is out of its range, or `step` returns
            something else than it should.
        TypeError: If `step` can't be called with these arguments, or `strategy`
            isn't a `Strategy`.

    Example:

    A model that counts on, trained on other targets:

    >>> import numpy as np
    >>> from keras import ops
    >>> def step(tokens, state):
    ...     return ops.one_hot(tokens + 1, 9) * 99.0, state
    >>> targets = np.array([[3, 3, 3, 3]])
    >>> for p in (0.0, 1.0):
    ...     mix_with_predictions(
    ...         step, (), targets, start_tokens=np.array([0]), probability=p
    ...     ).numpy()
    array([[0, 3, 3, 3]], dtype=int32)
    array([[0, 1, 2, 3]], dtype=int32)

    References:
        Bengio, Vinyals, Jaitly and Shazeer (2015), Scheduled sampling for
        sequence prediction with recurrent neural networks. (Its ε is 1 - p.)
    """
    check_step(step, constants)
    strategy = Sample() if strategy is None else strategy
    if not isinstance(strategy, Strategy):
        raise TypeError(
            f"`strategy` must be a Strategy such as Greedy(); received {strategy!r}."
        )
    gold = as_tokens("targets", targets, 2, "(B, T)")
    first = as_tokens("start_tokens", start_tokens, 1, "(B,)", least=0)
    check_row_count("targets", gold, first.shape[0])
    check_numbers(
        "probability", probability, "in [0, 1]", lambda number: 0 <= number <= 1
    )
    if seed is None:
        seed = secrets.randbelow(2**31)
    check_whole("seed", seed, 0)
    check_rows("seed", seed, first.shape[0])
    check_leading_rows("state", state, first.shape[0])
    check_leading_rows("constants", constants, first.shape[0], none_is_fine=True)
    return traced(
        _mix,
        step,
        strategy,
        as_tensors(state),
        gold,
        first,
        as_column("probability", probability, "float32", first.shape[0]),
        ops.cast(ops.convert_to_tensor(seed), "int32"),
        constants,
    )


def _mix(
    step: Step | StepWithConstants,
    strategy: Strategy,
    state: Nest,
    targets: Tensor,
    start_tokens: Tensor,
    chance: Tensor,
    seed: Tensor,
    constants: Nest,
) -> Tensor:
    step = bind(step, constants)
    batch, length = ops.shape(targets)
    keys = row_keys(seed, batch)
    chance = ops.reshape(ops.broadcast_to(chance, (batch, 1)), (batch,))
    state = _without_gradient(state)
    first_step(step, start_tokens, state)

    def body(t: Tensor, carry: Nest) -> tuple[Nest, tuple[Tensor, ...]]:
        tokens, state = carry
        logits, state, *_ = step(tokens, state)
        logits, state = _without_gradient((logits, state))
        predicted = next_token(strategy, ops.cast(logits, "float32"), uniform(keys, t))
        own = uniform(keys, t, _COIN) < chance
        tokens = ops.where(own, predicted, targets[:, t])
        return (tokens, state), (tokens,)

    _, (following,) = while_loop(
        lambda carry: True,
        body,
        (start_tokens, state),
        ops.maximum(length - 1, 0) if ops.is_tensor(length) else max(length - 1, 0),
        (start_tokens,),
        (0,),
    )
    following = ops.transpose(following, (1, 0))
    inputs = ops.concatenate([ops.expand_dims(start_tokens, -1), following], axis=1)
    return inputs[:, :length]


def _without_gradient(nest: Nest) -> Nest:
    return tree.map_structure(ops.stop_gradient, nest)


@typing.overload
def sampling_probability(
    iteration: float | ArrayLike,
    schedule: typing.Literal["linear"],
    *,
    k: float,
    slope: float,
    least_gold: float = 0.0,
) -> Tensor: ...


@typing.overload
def sampling_probability(
    iteration: float | ArrayLike,
    schedule: typing.Literal["exponential", "inverse_sigmoid"],
    *,
    k: float,
    slope: None = None,
) -> Tensor: ...


def sampling_probability(
    iteration: float | ArrayLike,
    schedule: str,
    *,
    k: float,
    slope: float | None = None,
    least_gold: float = 0.0,
) -> Tensor:
    """How often a model should read its own predictions, by the paper's decays.

    ```
    p_i = 1 - ε_i
    "linear"            ε_i = max(least_gold, k - slope · i)
    "exponential"       ε_i = kⁱ
    "inverse_sigmoid"   ε_i = k / (k + exp(i / k))
    ```

    ε is the share of gold tokens; it begins near 1 and falls.

    Args:
        iteration: i: a number or a tensor of any shape, at least 0, such as the
            optimiser's `iterations`.
        schedule: "linear", "exponential" or "inverse_sigmoid".
        k: For "linear" the ε to begin with, in [0, 1]; for "exponential" in
            (0, 1); for "inverse_sigmoid" at least 1: half of the tokens are
            predictions at i = k ln k.
        slope: For "linear" what ε loses at each iteration, above 0; None for
            the others.
        least_gold: For "linear" what ε doesn't fall below, in [0, k].

    Returns:
        float32 tensor of the shape of `iteration`: the `probability` for
        `mix_with_predictions`.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> p = sampling_probability(
    ...     np.array([0, 100, 900]), "linear", k=1.0, slope=0.001, least_gold=0.25
    ... )
    >>> p.numpy().round(3)
    array([0.  , 0.1 , 0.75], dtype=float32)

    References:
        Bengio, Vinyals, Jaitly and Shazeer (2015), section 2.4.
    """
    ranges: dict[str, tuple[str, Callable[[float], bool]]] = {
        "linear": ("in [0, 1]", lambda k: 0 <= k <= 1),
        "exponential": ("in (0, 1)", lambda k: 0 < k < 1),
        "inverse_sigmoid": ("at least 1 and finite", lambda k: 1 <= k < math.inf),
    }
    if schedule not in ranges:
        raise ValueError(
            f"`schedule` must be one of {sorted(ranges)}; received {schedule!r}."
        )
    check_numbers("k", k, *ranges[schedule])
    if schedule == "linear":
        check_numbers("slope", slope, "above 0", lambda number: number > 0)
        check_numbers(
            "least_gold", least_gold, f"in [0, {k}]", lambda number: 0 <= number <= k
        )
    elif slope is not None or least_gold:
        raise ValueError(
            '`slope` and `least_gold` must be left out unless `schedule` is "linear"; '
            f"received slope={slope!r}, least_gold={least_gold!r}."
        )
    i = ops.cast(ops.convert_to_tensor(iteration), "float32")
    if any(number < 0 for number in known_values(i)):
        raise ValueError(f"`iteration` must be at least 0; received {iteration!r}.")
    if schedule == "linear":
        return 1.0 - ops.maximum(least_gold, k - slope * i)
    if schedule == "exponential":
        return 1.0 - ops.power(k, i)
    # 1 - ε of the third, without an exponential that overflows.
    return ops.sigmoid(i / k - ops.log(ops.convert_to_tensor(k, "float32")))
