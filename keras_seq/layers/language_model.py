"""A recurrent language model: what comes next, from all that came before."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import keras
from keras import ops, tree

from keras_seq.layers._arguments import (
    check_rate,
    check_reading,
    check_size,
    check_token_or_none,
)
from keras_seq.layers._calls import LanguageModelCall
from keras_seq.layers._quantised import SavesQuantised
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers._tied_logits import tied_logits
from keras_seq.layers.lstm import ExplicitLSTM
from keras_seq.typing import Array, Integers, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Unpack


State: TypeAlias = Sequence[Sequence[Tensor]]
"""h and c of each layer, each (B, units)."""


@keras.saving.register_keras_serializable(package="keras_seq")
class RecurrentLanguageModel(SavesQuantised, keras.Model):
    """Logits of the next token, from LSTM layers with tied embeddings.

    ```
    x_t = E[w_t] dim^½                       E (vocabulary_size, dim)
    h_t, state_t = LSTM layers(x_t, state_{t-1})
    r_t = h_t W_r                            unless units = dim
    logits_t = r_t Eᵀ + b                    the same E (Press and Wolf)
    ```

    Truncated backpropagation through time: with `batch_size`, a call in training
    starts from the state in which the last one ended, row by row, and gradients
    end where the call begins. `reset_state` lets the next one start from 0. So a
    text is cut into `batch_size` streams, and windows of them follow each other. A
    row whose first token is `start_token` starts from 0 all the same.
    In inference a call starts from 0, or from a given state.

    The carried state is among `variables`, so `keras_seq.training.EpochCheckpoint`
    keeps it, but not among `weights`: files of weights, and models that are saved, fit
    a model with any `batch_size` or none, and start from 0. (Those of version 0.1.0,
    which hold a state, load too.)

    Variational dropout (Gal and Ghahramani): what is dropped is drawn once for a
    call and the same at all its steps. `word_dropout` drops word types, wherever
    they stand; `input_dropout` features of x; `dropout` features between LSTM
    layers; `output_dropout` features of what the logits are made of;
    `weight_dropout` entries of the recurrent kernels (Merity et al.). What is kept
    is scaled by 1 / (1 - share).

    Args:
        vocabulary_size: Number of tokens.
        dim: Size of the embeddings.
        units: Size of each LSTM layer.
        depth: Number of LSTM layers.
        batch_size: Rows whose state is carried from call to call in training; None
            for no carrying, and any number of rows.
        start_token: Token with which, first in a row, a row starts from 0 in
            training; None for none.
        word_dropout: Share of the word types, in [0, 1).
        input_dropout: Share of the features of x, in [0, 1).
        dropout: Share of the features between LSTM layers, in [0, 1).
        output_dropout: Share of the features of r, in [0, 1).
        weight_dropout: Share of the entries of the recurrent kernels, in [0, 1).
        seed: Seed of all that is drawn in training.
        **kwargs: What every Keras model takes.

    Call arguments:
        tokens: Integers (B, T).
        initial_state: State to start from, as `initial_state` or a call gives it;
            None for 0, or, in training with `batch_size`, for the one carried.
        mask: True where a token counts, shape (B, T), or None for all.
        training: Whether dropout acts, and the state is carried.
        return_state: Whether to return the state behind the last step too.

    Returns:
        Logits of the next tokens, shape (B, T, vocabulary_size). With
        `return_state=True` the state follows: a list with [h, c] for each layer,
        each (B, units).

    Raises:
        ValueError: If an argument is out of its range, or the state doesn't fit;
            if a call that carries has not `batch_size` rows. A last batch of fewer
            rows is dropped by `batch(..., drop_remainder=True)` of a `tf.data.Dataset`.

    Example:

    >>> import numpy as np
    >>> model = RecurrentLanguageModel(11, dim=4, units=6)
    >>> tokens = np.array([[1, 5, 7, 2]])
    >>> logits = model(tokens)
    >>> first, state = model(tokens[:, :3], return_state=True)
    >>> last, state = model.step(tokens[:, 3], state)
    >>> logits.shape, bool(np.allclose(last, logits[:, 3], atol=1e-6))
    (TensorShape([1, 4, 11]), True)

    References:
        Press and Wolf (2017), Using the output embedding to improve language
        models.
        Gal and Ghahramani (2016), A theoretically grounded application of dropout
        in recurrent neural networks.
        Merity, Keskar and Socher (2018), Regularizing and optimizing LSTM language
        models.
    """

    __call__: LanguageModelCall
    carried: list[list[keras.Variable]]

    def __init__(
        self,
        vocabulary_size: int,
        *,
        dim: int,
        units: int,
        depth: int = 1,
        batch_size: int | None = None,
        start_token: int | None = None,
        word_dropout: float = 0.0,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
        output_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = check_size("vocabulary_size", vocabulary_size)
        self.dim = check_size("dim", dim)
        self.units = check_size("units", units)
        self.depth = check_size("depth", depth)
        if batch_size is not None:
            batch_size = check_size("batch_size", batch_size)
        self.batch_size: int | None = batch_size
        check_token_or_none("start_token", start_token, vocabulary_size)
        self.start_token = start_token
        self.word_dropout = check_rate("word_dropout", word_dropout)
        self.input_dropout = check_rate("input_dropout", input_dropout)
        self.dropout = check_rate("dropout", dropout)
        self.output_dropout = check_rate("output_dropout", output_dropout)
        self.weight_dropout = weight_dropout
        self.seed = seed
        self.embedding = keras.layers.Embedding(
            vocabulary_size,
            dim,
            keras.initializers.RandomNormal(stddev=dim**-0.5, seed=seed),
            name="embedding",
            dtype=self.dtype_policy,
        )
        self.lstms: list[ExplicitLSTM] = [
            ExplicitLSTM(
                units,
                dropout=dropout if i else input_dropout,
                weight_dropout=weight_dropout,
                return_sequences=True,
                return_state=True,
                seed=None if seed is None else seed + 1 + i,
                name=f"lstm_{i}",
                dtype=self.dtype_policy,
            )
            for i in range(self.depth)
        ]
        self.projection: keras.layers.Dense | None = None
        if units != dim:
            options: Any = {"use_bias": False, "dtype": self.dtype_policy}
            self.projection = keras.layers.Dense(dim, name="projection", **options)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.__dict__["carried"] = []
        self.supports_masking = True

    def build(self, tokens_shape: Shape) -> None:
        self.embedding.build(tokens_shape)
        shape = (*tokens_shape, self.dim)
        for lstm in self.lstms:
            lstm.build(shape)
            shape = (*tokens_shape, self.units)
        if self.projection is not None:
            self.projection.build(shape)
        self.bias: keras.Variable = self.add_weight(
            shape=(self.vocabulary_size,), name="bias", initializer="zeros"
        )
        if self.batch_size is not None:
            # Past Keras's tracking, which would make it a part of the weights.
            self.__dict__["carried"] = [
                [
                    keras.Variable(
                        "zeros",
                        shape=(self.batch_size, self.units),
                        dtype=self.variable_dtype,
                        trainable=False,
                        name=f"carried_{name}_{i}",
                    )
                    for name in ("h", "c")
                ]
                for i in range(self.depth)
            ]
        self.built = True

    def call(
        self,
        tokens: Tensor,
        initial_state: State | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_state: bool = False,
    ) -> Nest:
        h, state = self.read(tokens, initial_state, mask=mask, training=training)
        logits = self.logits(h, training=training)
        return (logits, state) if return_state else logits

    @in_functional_models
    def read(
        self,
        tokens: Tensor,
        initial_state: State | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
    ) -> tuple[Tensor, list[list[Tensor]]]:
        """What `call` does, but for the logits: they are large.

        Args:
            tokens: As in the call.
            initial_state: As in the call.
            mask: As in the call.
            training: As in the call.

        Returns:
            What `logits` takes, h (B, T, units), and the state behind the last
            step that counts.
        """
        check_reading(tokens, initial_state, self.depth)
        carries = bool(training and self.carried and initial_state is None)
        if carries:
            tokens = self._check_rows(tokens)
        before = self._carried_state(tokens) if carries else initial_state
        x, states = self._embed(tokens, training), []
        for i, lstm in enumerate(self.lstms):
            x, *after = lstm(
                x,
                initial_state=None if before is None else before[i],
                mask=mask,
                training=training,
            )
            states.append(after)
        if carries:
            for variables, after in zip(self.carried, states, strict=True):
                for variable, value in zip(variables, after, strict=True):
                    variable.assign(value)
        return x, states

    @in_functional_models
    def logits(self, h: Tensor, training: bool | None = False) -> Tensor:
        """Logits of the next tokens from what `read` gave.

        Args:
            h: Outputs of the last LSTM layer, (B, T, units), or (B, units) of one
                step.
            training: Whether dropout acts.

        Returns:
            Tensor of shape (B, T, vocabulary_size), or (B, vocabulary_size).
        """
        if self.projection is not None:
            h = self.projection(h)
        if training and self.output_dropout:
            shape = list(ops.shape(h))
            shape[1:-1] = [1] * (len(shape) - 2)
            h *= keras.random.dropout(
                ops.ones(shape, h.dtype), self.output_dropout, seed=self.seed_generator
            )
        return tied_logits(h, self.embedding, self.bias)

    def compute_mask(self, tokens: Tensor, mask: Tensor | None = None) -> None:
        """None: what counts among the logits is for the loss to say."""
        return None

    @in_functional_models
    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, list[list[Tensor]]]:
        """Reads one token a row: the step function that `generate` wants.

        Args:
            tokens: Integers (B,).
            state: The state before, as `initial_state` or a call gives it.

        Returns:
            The logits (B, vocabulary_size) and the state after.
        """
        x = self._embed(tokens, False)
        return self._step(self.lstms[0].cell(x, list(state[0])), state)

    def prepared_step(self) -> Callable[[Tensor, State], Any]:
        """As `Stepper.prepared_step`: `step`, for a loop with the weights of now."""
        cell = self.lstms[0].cell
        if self.vocabulary_size > 256 or cell.compute_dtype != cell.variable_dtype:
            return self.step
        every = ops.arange(self.vocabulary_size, dtype="int32")
        table = cell.project_inputs(self._embed(every, False))

        return lambda tokens, state: self._step(
            cell.step_projected(ops.take(table, tokens, axis=0), state[0])[:2], state
        )

    def _step(self, first: Nest, state: State) -> tuple[Tensor, list[list[Tensor]]]:
        """The rest of a step: behind the output and the state of the first LSTM."""
        x, states = first[0], [list(first[1])]
        for lstm, before in zip(self.lstms[1:], state[1:], strict=True):
            x, after = lstm.cell(x, list(before))
            states.append(list(after))
        return self.logits(x), states

    def initial_state(self, batch_size: Integers) -> list[list[Tensor]]:
        """The state before the first token: [h, c] for each layer, all 0."""
        return [list(lstm.get_initial_state(batch_size)) for lstm in self.lstms]

    def reset_state(self) -> None:
        """Lets the next call in training start from 0."""
        for variables in self.carried:
            for variable in variables:
                variable.assign(ops.zeros_like(variable))

    @property
    def variables(self) -> list[keras.Variable]:
        """The weights, the seeds, and the state that is carried, behind the bias."""
        variables = super().variables
        return variables[:1] + tree.flatten(self.carried) + variables[1:]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """As Keras's; it takes those of version 0.1.0 too, with a state among them."""
        weights, states = list(weights), 2 * self.depth
        if len(weights) == len(self.weights) + states:
            del weights[1 : 1 + states]
        super().set_weights(weights)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """As Keras's; a state that version 0.1.0 saved behind the bias is left out."""
        own = {"0": store["0"]} if len(store.keys()) > 1 else store
        super().load_own_variables(own)

    def _carried_state(self, tokens: Tensor) -> list[list[Tensor]]:
        state = [[ops.convert_to_tensor(v) for v in pair] for pair in self.carried]
        if self.start_token is None:
            return state
        goes_on = ops.not_equal(tokens[:, :1], self.start_token)
        return [[v * ops.cast(goes_on, v.dtype) for v in pair] for pair in state]

    def _check_rows(self, tokens: Tensor) -> Tensor:
        """Gives the tokens, if need be behind an assertion within the graph."""
        expected = (
            f"`tokens` must have `batch_size` = {self.batch_size} rows in training, "
            "whose state is carried (drop a last batch that is short, with "
            "`drop_remainder=True`)"
        )
        rows = tokens.shape[0]
        if rows == self.batch_size:
            return tokens
        if rows is not None or keras.backend.backend() != "tensorflow":
            raise ValueError(f"{expected}; received {rows}.")
        import tensorflow as tf

        right = tf.debugging.assert_equal(
            tf.shape(tokens)[0], self.batch_size, expected
        )
        with tf.control_dependencies([right]):
            return tf.identity(tokens)

    def _embed(self, tokens: Tensor, training: bool | None) -> Tensor:
        x = self.embedding(tokens) * self.dim**0.5
        if training and self.word_dropout:
            kept = keras.random.dropout(
                ops.ones((self.vocabulary_size,), x.dtype),
                self.word_dropout,
                seed=self.seed_generator,
            )
            x *= ops.expand_dims(ops.take(kept, tokens), -1)
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "dim": self.dim,
            "units": self.units,
            "depth": self.depth,
            "batch_size": self.batch_size,
            "start_token": self.start_token,
            "word_dropout": self.word_dropout,
            "input_dropout": self.input_dropout,
            "dropout": self.dropout,
            "output_dropout": self.output_dropout,
            "weight_dropout": self.weight_dropout,
            "seed": self.seed,
        }
