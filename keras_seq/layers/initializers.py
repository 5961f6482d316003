"""Initialisers of recurrent biases, by which a new layer remembers."""

import numbers
from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from keras_seq.typing import Tensor


class GateBias(keras.initializers.Initializer):
    """A bias that differs by gate.

    `gates` says of which recurrence: "lstm" or "gru".
    """

    gates: str


@keras.saving.register_keras_serializable(package="keras_seq")
class ForgetBias(GateBias):
    """The bias of an LSTM that is 0 but for the forget gate's part.

    ```
    b = (b_i, b_f, b_c, b_o) = (0, value, 0, 0)
    ```

    With a large value a new layer keeps its memory: f = σ(value). It needs
    `unit_forget_bias=False`, since Keras's `unit_forget_bias` makes the bias of
    pieces; `ForgetBias(1.0)` is what that option gives.

    Args:
        value: b_f, a number.

    Call arguments:
        shape: (4 · units,).
        dtype: Dtype of the bias.

    Raises:
        ValueError: If `value` is not a finite number, or the shape not that of
            an LSTM's bias.

    Example:

    >>> from keras_seq.layers import ExplicitLSTM
    >>> bias = ForgetBias(2.0)
    >>> bias((4,)).numpy().tolist()
    [0.0, 2.0, 0.0, 0.0]
    >>> layer = ExplicitLSTM(3, bias_initializer=bias, unit_forget_bias=False)

    References:
        Gers, Schmidhuber and Cummins (2000), Learning to forget.
        Jozefowicz, Zaremba and Sutskever (2015), An empirical exploration of
        recurrent network architectures.
    """

    gates = "lstm"

    def __init__(self, value: float = 1.0) -> None:
        if not _is_real(value) or not abs(float(value)) < float("inf"):
            raise ValueError(f"`value` must be a finite number; received {value!r}.")
        self.value = float(value)

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, **kwargs: Any
    ) -> Tensor:
        units = _units(shape, {4: "(4 · units,)"})
        dtype = dtype or keras.config.floatx()
        b_f = ops.full((units,), self.value, dtype)
        rest = ops.zeros((units,), dtype)
        return ops.concatenate([rest, b_f, rest, rest])

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


@keras.saving.register_keras_serializable(package="keras_seq")
class ChronoBias(GateBias):
    """The bias by which a layer remembers for as long as the data need it.

    ```
    b_f = log u,   b_i = -b_f,   other 0      LSTM, packed (i, f, c̃, o)
    b_z = log u,                 other 0      GRU, packed (z, r, h̃)
    u ~ U(1, T_max - 1), drawn for each unit
    ```

    A gate that is σ(log u) forgets within about u steps, so the units of a new
    layer cover all spans up to T_max. The GRU is Keras's, whose update gate z
    keeps: h_t = z h_{t-1} + (1 - z) h̃. Of the two biases of `reset_after=True`
    that of the input is drawn; that of the state is 0.

    An LSTM needs `unit_forget_bias=False`, since Keras's `unit_forget_bias` makes
    the bias of pieces.

    Args:
        max_length: T_max, the longest span in steps over which something
            matters: a number of at least 2.
        seed: Integer, `keras.random.SeedGenerator`, or None. As with all of
            Keras's initialisers an integer gives the same numbers in each call.
        gates: "lstm" or "gru": whose bias it is.

    Call arguments:
        shape: (4 · units,) of an LSTM; (3 · units,) or (2, 3 · units) of a GRU.
        dtype: Dtype of the bias.

    Raises:
        ValueError: If an argument is out of its range, or the shape not that of
            the bias.

    Example:

    >>> from keras_seq.layers import ExplicitGRU, ExplicitLSTM
    >>> layer = ExplicitLSTM(
    ...     3, bias_initializer=ChronoBias(100), unit_forget_bias=False
    ... )
    >>> layer = ExplicitGRU(3, bias_initializer=ChronoBias(100, gates="gru"))
    >>> b_i, b_f, b_c, b_o = ChronoBias(2, seed=1)((4,)).numpy()
    >>> abs(float(b_f)), float(b_c)
    (0.0, 0.0)

    References:
        Tallec and Ollivier (2018), Can recurrent neural networks warp time?
    """

    def __init__(
        self,
        max_length: float,
        seed: int | keras.random.SeedGenerator | None = None,
        *,
        gates: Literal["lstm", "gru"] = "lstm",
    ) -> None:
        if not _is_real(max_length) or not 2 <= float(max_length) < float("inf"):
            raise ValueError(
                "`max_length` must be a finite number of at least 2; received "
                f"{max_length!r}."
            )
        if gates not in ("lstm", "gru"):
            raise ValueError(f"`gates` must be 'lstm' or 'gru'; received {gates!r}.")
        # Keras keeps the seed, and draws one where it is None.
        self._uniform = keras.initializers.RandomUniform(1.0, max_length - 1.0, seed)
        integral = isinstance(max_length, numbers.Integral)
        self.max_length: float = int(max_length) if integral else float(max_length)
        self.gates = gates

    @property
    def seed(self) -> int | keras.random.SeedGenerator:
        return self._uniform.seed

    def __call__(
        self, shape: Sequence[int], dtype: Any = None, **kwargs: Any
    ) -> Tensor:
        dtype = dtype or keras.config.floatx()
        if self.gates == "lstm":
            units = _units(shape, {4: "(4 · units,)"})
        else:
            units = _units(shape, {3: "(3 · units,) or (2, 3 · units)"})
        # 16 bits would round a long span.
        span = self._uniform((units,), "float64" if dtype == "float64" else "float32")
        log = ops.cast(ops.log(span), dtype)
        rest = ops.zeros((units,), dtype)
        if self.gates == "lstm":
            return ops.concatenate([-log, log, rest, rest])
        bias = ops.concatenate([log, rest, rest])
        if len(shape) == 1:
            return bias
        return ops.stack([bias, ops.zeros_like(bias)])

    def get_config(self) -> dict[str, Any]:
        return {
            "max_length": self.max_length,
            "seed": self._uniform.get_config()["seed"],
            "gates": self.gates,
        }


def _is_real(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _units(shape: Sequence[int], expected: dict[int, str]) -> int:
    """The number of units of a bias that packs so many gates."""
    ((gates, words),) = expected.items()
    shape = tuple(shape)
    rows = shape[:-1]
    fits = rows in ((), (2,)) if gates == 3 else rows == ()
    if not shape or not fits or shape[-1] % gates:
        raise ValueError(f"`shape` must be {words}; received {shape}.")
    return shape[-1] // gates
