"""Attention to what followed when the same was read before."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_seq.layers._arguments import check_size, check_states, counting
from keras_seq.layers._calls import SuffixCall
from keras_seq.typing import (
    Function,
    Identifier,
    Integers,
    LayerOptions,
    Nest,
    Shape,
    Tensor,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

LONGEST = 1024
_NOTHING = -1  # where nothing has been read yet: it equals no token


@keras.saving.register_keras_serializable(package="keras_seq")
class SuffixAttention(keras.layers.Layer):
    """Makes the token likelier that followed the last time the same was read.

    A recurrent model's state keeps the gist of what was read, not its letters. This
    layer, behind the logits z, looks them up. How many tokens before w_t and before
    the one k steps back agree is itself a recurrence, one for each k up to `memory`:

    ```
    m_{t,k} = w_t = w_{t-k} ? min(m_{t-1,k} + 1, longest) : 0
    k_t     = argmax_k m_{t,k}                      of several the nearest
    z'_t    = z_t + s[m_{t,k_t}] onehot(w_{t-k_t+1})     s (longest,) is learned
    ```

    and z'_t = z_t where no token before is w_t. So attention is hard, to one place:
    that behind the longest repeat. How much a repeat of each length tells is learned;
    where to look isn't, and costs no gradient. s starts at 0.

    Args:
        memory: Tokens that are remembered.
        longest: Longest repeat that is told from longer ones, 1,024 at most.
        strengths_initializer: Initialiser of s.
        **kwargs: What every Keras layer takes.

    Call arguments:
        inputs: Logits z of the next tokens, shape (B, T, V).
        tokens: Integers w (B, T), 0 or more: those that were read.
        initial_state: State to go on from, as `get_initial_state` or a call gives it;
            None for nothing read yet.
        mask: True where a token counts, shape (B, T), or None for all that the mask
            of the inputs has. Others are not remembered, and their logits stay as they
            are.
        return_state: Whether to return the state behind the last token too.
        return_attention_scores: Whether to return where it looked too.

    Returns:
        Logits z', shape (B, T, V). With `return_state=True` the state follows: a list
        of the tokens that are remembered, the last one last, and of the lengths to
        which each repeats, both integers (B, memory). With
        `return_attention_scores=True` follow the attention weights (B, T, T): 1 at the
        token w_{t-k_t+1} that is made likelier, else 0; all 0 where there is no
        repeat, or the token is of an earlier call.

    Raises:
        ValueError: If an argument is out of its range, or shapes don't fit.

    Example:

    >>> import numpy as np
    >>> tokens = np.array([[3, 1, 4, 3, 1]])
    >>> layer = SuffixAttention(strengths_initializer="ones")
    >>> logits, seen = layer(np.zeros((1, 5, 6)), tokens, return_attention_scores=True)
    >>> logits[0, -1].numpy().tolist()  # 3, 1: a 4 came next
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    >>> seen[0, -1].numpy().tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0]

    References:
        Cleary and Teahan (1997), Unbounded length contexts for PPM.
        Grave, Joulin and Usunier (2017), Improving neural language models with a
        continuous cache.
        Merity et al. (2017), Pointer sentinel mixture models.
        Olsson et al. (2022), In-context learning and induction heads: transformers
        learn to do the like.
    """

    __call__: SuffixCall

    def __init__(
        self,
        memory: int = 1024,
        longest: int = 32,
        *,
        strengths_initializer: Identifier = "zeros",
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        self.memory = check_size("memory", memory)
        self.longest = check_size("longest", longest)
        if self.longest > LONGEST:
            raise ValueError(
                f"`longest` must be at most {LONGEST}; received {longest!r}."
            )
        self.strengths_initializer: Function = keras.initializers.get(
            strengths_initializer
        )
        self.supports_masking = True

    def build(self, inputs_shape: Shape, tokens_shape: Shape | None = None) -> None:
        _check_shapes(inputs_shape, tokens_shape)
        self.strengths: keras.Variable = self.add_weight(
            name="strengths",
            shape=(self.longest,),
            initializer=self.strengths_initializer,
        )

    def get_initial_state(self, batch_size: Integers) -> list[Tensor]:
        """The state before anything was read.

        Args:
            batch_size: B.

        Returns:
            List of two int32 tensors (B, memory), as a call gives them.
        """
        shape = (batch_size, self.memory)
        return [ops.full(shape, _NOTHING, "int32"), ops.zeros(shape, "int32")]

    def call(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        return_state: bool = False,
        return_attention_scores: bool = False,
    ) -> Nest:
        _check_shapes(inputs.shape, tokens.shape)
        _check_integers(tokens)
        tokens = ops.cast(tokens, "int32")
        if mask is None:  # Keras hands it on to layers of one tensor alone
            mask = getattr(inputs, "_keras_mask", None)
        mask = counting(mask, None, inputs)
        order = None if mask is None else _counting_first(mask)
        if order is not None:
            tokens = _at(tokens, order)
        before = self._state_before(initial_state, tokens)
        read = ops.concatenate([before[0], tokens], axis=1)
        runs = _runs(read, tokens, before[1], self.longest)
        place = _nearest_longest(runs)
        length = _of_last_axis(runs, place)
        # The token behind it, counted in `read`.
        place += 1 + ops.arange(ops.shape(tokens)[1], dtype="int32")
        copied = _at(read, place)
        place -= ops.shape(before[0])[1]
        if order is not None:
            back = ops.argsort(order, axis=1)
            length, copied, place = (
                _at(each, back) for each in (length, copied, _behind(order, place))
            )
            length = ops.where(mask, length, 0)
        table = ops.cast(self.strengths, inputs.dtype)
        strength = ops.take(table, ops.maximum(length - 1, 0), axis=0)
        strength = ops.where(length > 0, strength, ops.zeros_like(strength))
        told = _one_hot(copied, inputs.shape[-1], inputs.dtype)
        results = [inputs + strength[..., None] * told]
        if return_state:
            results.append(self._state_behind(read, runs, before[1], tokens, mask))
        if return_attention_scores:
            place = ops.where(length > 0, place, _NOTHING)
            results.append(_one_hot(place, ops.shape(tokens)[1], inputs.dtype))
        return results[0] if len(results) == 1 else tuple(results)

    def _state_before(self, state: Nest, tokens: Tensor) -> list[Tensor]:
        """The given state, or one of nothing, no larger than it need be."""
        if state is not None:
            sizes = [self.memory, self.memory]
            states = check_states("initial_state", state, sizes, tokens)
            return [ops.cast(each, "int32") for each in states]
        rows, steps = ops.shape(tokens)
        least = max if isinstance(steps, int) else ops.maximum
        most = min if isinstance(steps, int) else ops.minimum
        shape = (rows, least(most(steps, self.memory), 1))
        return [ops.full(shape, _NOTHING, "int32"), ops.zeros(shape, "int32")]

    def _state_behind(
        self,
        read: Tensor,
        runs: Tensor,
        before: Tensor,
        tokens: Tensor,
        mask: Tensor | None,
    ) -> list[Tensor]:
        """What is remembered behind the last token that counts."""
        rows, steps = ops.shape(tokens)
        size = ops.shape(before)[1]
        runs = ops.concatenate([before[:, None], runs], axis=1)
        if mask is None:
            state = [read[:, steps:], runs[:, steps]]
        else:
            count = ops.sum(ops.cast(mask, "int32"), axis=1)[:, None]
            places = count + ops.arange(size, dtype="int32")
            state = [_at(read, places), _at(runs, count)[:, 0]]
        rest = (rows, self.memory - size)
        whole = (
            ops.concatenate([ops.full(rest, fill, "int32"), each], axis=1)
            for fill, each in zip((_NOTHING, 0), state, strict=True)
        )
        return [ops.reshape(each, (rows, self.memory)) for each in whole]

    def compute_mask(self, inputs: Tensor, mask: Nest = None) -> Nest:
        return mask[0] if isinstance(mask, (list, tuple)) else mask

    def compute_output_spec(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        return_state: bool = False,
        return_attention_scores: bool = False,
    ) -> Nest:
        _check_shapes(inputs.shape, tokens.shape)
        _check_integers(tokens)
        rows, steps, _ = inputs.shape
        results: list[Any] = [keras.KerasTensor(inputs.shape, self.compute_dtype)]
        if return_state:
            of_memory = (rows, self.memory)
            results.append([keras.KerasTensor(of_memory, "int32") for _ in range(2)])
        if return_attention_scores:
            results.append(keras.KerasTensor((rows, steps, steps), self.compute_dtype))
        return results[0] if len(results) == 1 else tuple(results)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "memory": self.memory,
            "longest": self.longest,
            "strengths_initializer": keras.initializers.serialize(
                self.strengths_initializer
            ),
        }


def _runs(read: Tensor, tokens: Tensor, before: Tensor, longest: int) -> Tensor:
    """To what length the text before each token agrees with that before earlier ones.

    Args:
        read: What was read before, K of it, and now: integers (B, K + T).
        tokens: What is read now, (B, T).
        before: The lengths behind what was read before, (B, K).
        longest: Lengths beyond it are not told apart.

    Returns:
        m, integers (B, T, K): the last entry of each row is of the token before.
    """
    steps, size = ops.shape(tokens)[1], ops.shape(before)[1]
    if tokens.shape[1] == 1:
        runs = before + 1
        equal = (read[:, :-1] == tokens) & (tokens >= 0)
        return ops.where(equal, ops.minimum(runs, longest), 0)[:, None]
    t = ops.arange(steps, dtype="int32")[:, None]
    earlier = ops.take(read, t + ops.arange(size, dtype="int32"), axis=1)
    equal = (earlier == tokens[..., None]) & (tokens >= 0)[..., None]
    runs, told = ops.cast(equal, "int32"), 1
    # Those of twice the length are of two that follow each other.
    while told < min(longest, tokens.shape[1] or longest):
        shifted = ops.pad(runs, [[0, 0], [told, 0], [0, 0]])[:, :steps]
        runs += ops.where(runs == told, shifted, 0)
        told *= 2
    # A run from the first token on goes on from the one before it.
    runs += ops.where(runs == t + 1, before[:, None], 0)
    return ops.minimum(runs, longest)


def _nearest_longest(runs: Tensor) -> Tensor:
    """Where the longest run of each step is, and of several the last: (B, T)."""
    size = ops.shape(runs)[2]
    order = runs * size + ops.arange(size, dtype="int32")
    return ops.cast(ops.argmax(order, axis=-1), "int32")


def _one_hot(ids: Tensor, size: Tensor, dtype: Any) -> Tensor:
    """As Keras's, which refuses a size known when running, and no rows with JAX."""
    return ops.cast(ids[..., None] == ops.arange(size, dtype="int32"), dtype)


def _at(values: Tensor, places: Tensor) -> Tensor:
    """Of each row, (B, N, ...), those at its places (B, T): (B, T, ...)."""
    rows, size, *rest = ops.shape(values)
    first = ops.arange(rows, dtype="int32")[:, None] * size
    flat = ops.reshape(values, (rows * size, *rest))
    found = ops.take(flat, first + ops.cast(places, "int32"), axis=0)
    return ops.reshape(found, (rows, ops.shape(places)[1], *rest))  # of no rows, too


def _of_last_axis(values: Tensor, places: Tensor) -> Tensor:
    """Of each step, (B, T, K), the value at its place (B, T): (B, T)."""
    rows, steps, size = ops.shape(values)
    each = ops.reshape(values, (rows * steps, size))
    found = _at(each, ops.reshape(places, (rows * steps, 1)))
    return ops.reshape(found, (rows, steps))


def _counting_first(mask: Tensor) -> Tensor:
    """The places of each row's tokens, those that count before the others."""
    steps = ops.shape(mask)[1]
    t = ops.arange(steps, dtype="int32")
    return ops.argsort(ops.where(mask, t, t + steps), axis=1)


def _behind(order: Tensor, place: Tensor) -> Tensor:
    """Places among the tokens in order as places among all."""
    found = _at(order, ops.maximum(place, 0))
    return ops.where(place < 0, place, found)


def _check_shapes(inputs: Shape, tokens: Shape | None) -> None:
    if len(inputs) != 3 or inputs[-1] is None:
        raise ValueError(
            f"`inputs` must have shape (B, T, V); received shape {tuple(inputs)}."
        )
    fits = tokens is None or (
        len(tokens) == 2
        and all(
            None in sizes or sizes[0] == sizes[1]
            for sizes in zip(tokens, inputs[:2], strict=True)
        )
    )
    if not fits:
        raise ValueError(
            f"`tokens` must have shape (B, T) = {tuple(inputs[:2])}; received shape "
            f"{tuple(tokens or ())}."
        )


def _check_integers(tokens: Tensor) -> None:
    dtype = keras.backend.standardize_dtype(tokens.dtype)
    if "int" not in dtype:
        raise ValueError(f"`tokens` must be integers; received dtype {dtype}.")
