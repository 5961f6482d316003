"""Bahdanau's decoder, ready made."""

from typing import TYPE_CHECKING, Any, Literal

import keras

from keras_seq.layers._arguments import check_rate, check_size
from keras_seq.layers.attention_decoder import AttentionDecoder
from keras_seq.layers.bahdanau_attention import BahdanauAttention
from keras_seq.layers.gru_cell import ExplicitGRUCell
from keras_seq.layers.lstm_cell import ExplicitLSTMCell
from keras_seq.typing import LayerOptions

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

CELLS = {"lstm": ExplicitLSTMCell, "gru": ExplicitGRUCell}


class DecoderOptions(LayerOptions, total=False):
    """What an `AttentionDecoder` takes besides its cell and its attention."""

    attend: Literal["before", "after"]
    input_feeding: bool
    output_units: int | None


@keras.saving.register_keras_serializable(package="keras_seq")
class BahdanauDecoder(AttentionDecoder):
    """An LSTM or GRU that attends with additive attention before each step.

    ```
    e_ts = vᵀ tanh(W h_{t-1} + U m_s + b),   a_t = softmax(e_t)
    context_t = Σ_s a_ts m_s
    h_t = cell([y_{t-1}; context_t], h_{t-1})
    output_t = [h_t; context_t]
    ```

    It is an `AttentionDecoder`, with `ExplicitLSTMCell` or `ExplicitGRUCell` and
    `BahdanauAttention`; calls and steps are explained there.

    Args:
        units: Size of h.
        attention_units: Size of the space in which queries meet keys.
        cell: "lstm" or "gru".
        dropout: Share of the cell's input features set to 0 in training, the
            same at every step, in [0, 1). (The gradient by hand is for
            `dropout=0`: dropout on what goes in and out does as well.)
        recurrent_dropout: Share of the units of h_{t-1} set to 0 in training.
        attention_dropout: Share of the attention weights set to 0 in training.
        normalize: Whether v is normalised, as in `BahdanauAttention`.
        seed: Seed of all that is drawn in training.
        **kwargs: What `AttentionDecoder` and every Keras layer takes.

    Call arguments: As in `AttentionDecoder`.

    Returns:
        As `AttentionDecoder`: the outputs, shape (B, T, units + E).

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> import numpy as np
    >>> decoder = BahdanauDecoder(8, 6)
    >>> inputs, memory = np.ones((2, 3, 5), "float32"), np.ones((2, 7, 4), "float32")
    >>> outputs = decoder(inputs, memory)
    >>> state, keys = decoder.get_initial_state(memory), decoder.project_memory(memory)
    >>> for t in range(3):
    ...     output, state, weights = decoder.step(inputs[:, t], state, memory, keys)
    >>> np.testing.assert_allclose(output, outputs[:, -1], atol=1e-6)

    References:
        Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly
        learning to align and translate.
    """

    def __init__(
        self,
        units: int,
        attention_units: int,
        *,
        cell: Literal["lstm", "gru"] = "lstm",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        normalize: bool = False,
        seed: int | None = None,
        **kwargs: "Unpack[DecoderOptions]",
    ) -> None:
        if cell not in tuple(CELLS):
            raise ValueError(
                f"`cell` must be one of {sorted(CELLS)}; received {cell!r}."
            )
        units = check_size("units", units)
        attention_units = check_size("attention_units", attention_units)
        check_rate("attention_dropout", attention_dropout)
        dtype = kwargs.get("dtype")
        super().__init__(
            CELLS[cell](
                units,
                dropout=dropout,
                recurrent_dropout=recurrent_dropout,
                seed=seed,
                dtype=dtype,
                name="cell",
            ),
            BahdanauAttention(
                attention_units,
                dropout=attention_dropout,
                normalize=normalize,
                # With the seed of the cell it would drop what the cell drops.
                seed=None if seed is None else seed + 1,
                dtype=dtype,
                name="attention",
            ),
            **kwargs,
        )
        self.units = units
        self.attention_units = attention_units
        self.cell_kind = cell
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.attention_dropout = attention_dropout
        self.normalize = normalize
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["attention"]
        return {
            **config,
            "units": self.units,
            "attention_units": self.attention_units,
            "cell": self.cell_kind,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "attention_dropout": self.attention_dropout,
            "normalize": self.normalize,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Self":
        return cls(**config)
