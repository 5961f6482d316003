"""The options by which a cell departs from Keras's equations, all off by default."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from keras_seq.layers._arguments import check_epsilon, check_flag, check_rate
from keras_seq.layers.initializers import GateBias
from keras_seq.ops._variants import LayerNorm, run_variant, step_variant
from keras_seq.typing import Nest, Shape, Tensor


class VariantCell(keras.layers.Layer):
    """Layer normalisation, zoneout, and dropout of the recurrent kernel.

    A subclass names what is normalised, `normed`, and defines `equations`.
    """

    # What is normalised by name, and its size in units.
    normed: Mapping[str, int]
    # Whose gates the bias packs, or None: "lstm" or "gru".
    bias_gates: str | None = None
    peepholes: bool = False
    proj_size: int | None = None
    # Keras's, and typed nowhere.
    units: int
    kernel: keras.Variable
    recurrent_kernel: keras.Variable
    bias: Any

    def __init__(
        self,
        units: int,
        *,
        layer_norm: bool,
        layer_norm_epsilon: float,
        zoneout: float | Sequence[float],
        weight_dropout: float,
        **options: Any,
    ) -> None:
        check_flag("layer_norm", layer_norm)
        check_epsilon(layer_norm_epsilon)
        check_rate("weight_dropout", weight_dropout)
        super().__init__(units, **options)
        self._check_bias_initializer()
        self.layer_norm = layer_norm
        self.layer_norm_epsilon = float(layer_norm_epsilon)
        self._zoneout = _zoneout_rates(zoneout, _count(self.state_size))
        self.weight_dropout = float(weight_dropout)

    @property
    def zoneout(self) -> float | tuple[float, ...]:
        """The rate as it was given: a number, or one for each state."""
        return self._zoneout[0] if len(set(self._zoneout)) == 1 else self._zoneout

    @property
    def varied(self) -> bool:
        """Whether the equations of a step are other than Keras's."""
        return bool(
            self.layer_norm or self.peepholes or self.proj_size or any(self._zoneout)
        )

    def add_weight(self, shape: Any = None, **options: Any) -> keras.Variable:
        # TensorFlow decomposes no matrix of bfloat16.
        initializer = options.get("initializer")
        if self.variable_dtype == "bfloat16" and isinstance(
            initializer, keras.initializers.Orthogonal
        ):
            options["initializer"] = lambda shape, dtype: ops.cast(
                initializer(shape, "float32"), dtype
            )
        return super().add_weight(shape=shape, **options)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self._kernel_mask = None
        if self.layer_norm:
            for name, size in self.normed.items():
                shape = (size * self.units,)
                for kind, start in (("gain", "ones"), ("shift", "zeros")):
                    weight = self.add_weight(
                        shape=shape, name=f"{name}_{kind}", initializer=start
                    )
                    setattr(self, f"{name}_{kind}", weight)

    def equations(
        self,
        kernel: Tensor,
        recurrent_kernel: Tensor,
        bias: Tensor | None,
        **dropouts: Tensor,
    ) -> Any:
        """The variant's equations: one of `keras_seq.ops._variants`."""
        raise NotImplementedError

    def norms(self) -> dict[str, LayerNorm]:
        """A dict of what `normed` names, or an empty one."""
        if not self.layer_norm:
            return {}
        dtype = self.compute_dtype
        return {
            name: LayerNorm(
                ops.cast(getattr(self, f"{name}_gain"), dtype),
                ops.cast(getattr(self, f"{name}_shift"), dtype),
                self.layer_norm_epsilon,
            )
            for name in self.normed
        }

    def run_varied(
        self,
        sequences: Tensor,
        initial_state: Sequence[Tensor],
        *weights: Tensor,
        input_dropout: Tensor | None,
        recurrent_dropout: Tensor | None,
        training: bool | None,
        **options: Any,
    ) -> tuple[Tensor | None, tuple[Tensor, ...], dict[str, Tensor] | None]:
        """The whole sequence, as `RecurrentLayer.recurrence`."""
        equations = self.equations(
            *weights, input_dropout=input_dropout, recurrent_dropout=recurrent_dropout
        )
        batch, length, _ = ops.shape(sequences)
        zoneout = self._kept((length, batch), initial_state, training)
        return run_variant(
            equations, sequences, initial_state, zoneout=zoneout, **options
        )

    def step_varied(
        self,
        x_t: Tensor,
        state: Sequence[Tensor],
        recurrent_kernel: Tensor,
        dropouts: tuple[Tensor | None, Tensor | None],
        training: bool | None,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """One step: the states and the gates, tuples with h first."""
        input_dropout, recurrent_dropout = dropouts
        equations = self.equations(
            self.kernel,
            recurrent_kernel,
            self.bias,
            input_dropout=input_dropout,
            recurrent_dropout=recurrent_dropout,
        )
        zoneout = self._kept(ops.shape(state[0])[:1], state, training)
        return step_variant(equations, equations.project(x_t), state, zoneout)

    def _kept(
        self, axes: Nest, states: Sequence[Tensor], training: bool | None
    ) -> tuple[Any, ...]:
        """What zoneout keeps of each state: 0s and 1s, their mean, or None.

        Args:
            axes: Sizes of the axes before the last.
            states: Tensors like the states.
            training: Whether to draw.
        """

        def drawn(state: Tensor) -> Tensor:
            return keras.random.uniform(
                (*axes, state.shape[-1]), dtype="float32", seed=self.seed_generator
            )

        return tuple(
            None
            if not rate
            else ops.cast(drawn(state) < rate, state.dtype)
            if training
            else rate
            for rate, state in zip(self._zoneout, states, strict=True)
        )

    def drop_weights(self, recurrent_kernel: Tensor, training: bool | None) -> Tensor:
        """U where `weight_dropout` leaves it: the same until the next sequence."""
        if not training or not self.weight_dropout:
            return recurrent_kernel
        mask = ops.cast(self._get_kernel_mask(), recurrent_kernel.dtype)
        return recurrent_kernel * mask

    def _get_kernel_mask(self) -> Tensor:
        if self._kernel_mask is None:
            self._kernel_mask = keras.random.dropout(
                ops.ones(self.recurrent_kernel.shape, "float32"),
                self.weight_dropout,
                seed=self.seed_generator,
            )
        return self._kernel_mask

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Nest:
        """As Keras's. `keras.layers.RNN` asks for it before its loop starts."""
        if self.weight_dropout:
            self._get_kernel_mask()
        return super().get_recurrent_dropout_mask(step_input)

    def reset_recurrent_dropout_mask(self) -> None:
        super().reset_recurrent_dropout_mask()
        self._kernel_mask = None

    def _check_bias_initializer(self) -> None:
        initializer = self.bias_initializer
        if not isinstance(initializer, GateBias):
            return
        name = type(initializer).__name__
        if initializer.gates != self.bias_gates:
            raise ValueError(
                f"`bias_initializer` {name} is for the gates of "
                f"{initializer.gates!r}; {type(self).__name__} has those of "
                f"{self.bias_gates!r}."
            )
        if getattr(self, "unit_forget_bias", False):
            raise ValueError(
                f"`bias_initializer` {name} needs `unit_forget_bias=False`, since "
                "`unit_forget_bias` makes the bias of pieces; received "
                "unit_forget_bias=True."
            )

    def get_config(self) -> dict[str, Any]:
        zoneout = self.zoneout
        return {
            **super().get_config(),
            "layer_norm": self.layer_norm,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "zoneout": list(zoneout) if isinstance(zoneout, tuple) else zoneout,
            "weight_dropout": self.weight_dropout,
        }


def _count(state_size: int | Sequence[int]) -> int:
    return len(state_size) if isinstance(state_size, (list, tuple)) else 1


def _zoneout_rates(zoneout: Any, states: int) -> tuple[float, ...]:
    """A rate for each state."""
    if not isinstance(zoneout, (list, tuple)):
        check_rate("zoneout", zoneout)
        return (float(zoneout),) * states
    if states == 1 or len(zoneout) != states:
        expected = "a number" if states == 1 else f"a number or {states} of them"
        raise ValueError(f"`zoneout` must be {expected}; received {zoneout!r}.")
    for rate in zoneout:
        check_rate("zoneout", rate)
    return tuple(map(float, zoneout))
