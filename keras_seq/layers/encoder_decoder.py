"""A model from one sequence, or picture, to another sequence."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import ops, tree

from keras_seq.layers._arguments import check_flag, check_rate, check_size, check_tokens
from keras_seq.layers._calls import EncoderDecoderCall
from keras_seq.layers._quantised import SavesQuantised
from keras_seq.layers._symbolic import in_functional_models
from keras_seq.layers._tied_logits import tied_logits
from keras_seq.layers.attention_decoder import AttentionDecoder
from keras_seq.typing import Integers, LayerOptions, Nest, Shape, Tensor

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack


@keras.saving.register_keras_serializable(package="keras_seq")
class EncoderDecoder(SavesQuantised, keras.Model):
    """Encodes a source, attends to it, and gives logits of the next token.

    ```
    memory, state_0 = encoder(embed(source))
    o_t = decoder(embed(target_t), memory, state_{t-1})
    r_t = tanh(W_r [o_t; embed(target_t)] + b_r)    with `readout`; else o_t
    logits_t = r_t Eᵀ + b                           E is the target's embedding
    embed(y) = E_y √dim, and positions added to it
    ```

    The output shares its matrix with the target's embedding (Press and Wolf,
    2017), and with the source's too where both have one vocabulary.

    Args:
        encoder: Layer from (B, S, dim) and `mask` to the memory (B, S, E); or to
            a tuple, the memory and the decoder's initial state, or states one by
            one, as of a recurrent layer with `return_state`. Of
            `keras.layers.Bidirectional`, both directions' h are concatenated, and both
            their c, for a decoder with one cell, of twice the units. Without
            `source_vocabulary`, from the source as it comes.
        decoder: An `AttentionDecoder`, or a layer that is called and stepped like
            it, such as `TransformerDecoder`.
        target_vocabulary: Number of target tokens.
        source_vocabulary: Number of source tokens; None if the source isn't of
            tokens.
        share_embeddings: Whether source and target have one embedding.
        dim: Size of the embeddings.
        positions: Layer that adds positions to embeddings (B, T, dim), and takes
            `start`, such as `PositionalEncoding`; or None.
        readout: Whether a hidden layer stands before the logits; needed where
            the decoder's outputs don't have `dim` features.
        dropout: Share of embeddings and readout set to 0 in training.
        seed: Seed of the dropout.
        **kwargs: What every Keras model takes.

    Call arguments:
        inputs: Dict of "source", integers (B, S), 0 for padding, or what the
            encoder takes; and "target", integers (B, T): the tokens that are
            read, the start mark first.
        training: Whether dropout acts.
        return_attention_scores: Whether to return the alignment too.

    Returns:
        Logits of the next tokens, shape (B, T, target_vocabulary); and with
        `return_attention_scores` the alignment (B, T, S).

    Raises:
        ValueError: If an argument is out of its range, the decoder's outputs
            don't have `dim` features where there is no `readout`, or its cell isn't as
            wide as the states of a bidirectional encoder.

    Example:

    >>> import numpy as np
    >>> from keras_seq.layers import BahdanauDecoder, ExplicitGRU
    >>> encoder = ExplicitGRU(8, return_sequences=True)
    >>> model = EncoderDecoder(
    ...     encoder, BahdanauDecoder(8, 6), 11, source_vocabulary=9, dim=4
    ... )
    >>> model({"source": np.array([[5, 6, 7]]), "target": np.array([[1, 4]])}).shape
    TensorShape([1, 2, 11])

    References:
        Bahdanau, Cho and Bengio (2015), Neural machine translation by jointly
        learning to align and translate.
        Press and Wolf (2017), Using the output embedding to improve language
        models.
    """

    __call__: EncoderDecoderCall

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        target_vocabulary: int,
        *,
        source_vocabulary: int | None = None,
        share_embeddings: bool = False,
        dim: int = 256,
        positions: keras.layers.Layer | None = None,
        readout: bool = True,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: "Unpack[LayerOptions]",
    ) -> None:
        super().__init__(**kwargs)
        for name, layer in (
            ("encoder", encoder),
            ("decoder", decoder),
            ("positions", positions),
        ):
            optional = name == "positions" and layer is None
            if not optional and not isinstance(layer, keras.layers.Layer):
                raise TypeError(f"`{name}` must be a Keras layer; received {layer!r}.")
        check_flag("readout", readout)
        check_flag("share_embeddings", share_embeddings)
        check_rate("dropout", dropout)
        target_vocabulary = check_size("target_vocabulary", target_vocabulary)
        if source_vocabulary is not None:
            source_vocabulary = check_size("source_vocabulary", source_vocabulary)
        dim = check_size("dim", dim)
        if share_embeddings and source_vocabulary != target_vocabulary:
            raise ValueError(
                "`share_embeddings` needs one vocabulary; received "
                f"source_vocabulary={source_vocabulary!r} and "
                f"target_vocabulary={target_vocabulary!r}."
            )
        self.encoder = encoder
        self.decoder = decoder
        self.target_vocabulary = target_vocabulary
        self.source_vocabulary = source_vocabulary
        self.share_embeddings = share_embeddings
        self.dim = dim
        self.positions = positions
        self.readout = readout
        self.dropout = dropout
        self.seed = seed
        self.target_embedding = self._embedding(target_vocabulary, "target_embedding")
        self.source_embedding: keras.layers.Embedding | None = None
        if share_embeddings:
            self.source_embedding = self.target_embedding
        elif source_vocabulary is not None:
            self.source_embedding = self._embedding(
                source_vocabulary, "source_embedding"
            )
        self.readout_dense: keras.layers.Dense | None = None
        if readout:
            self.readout_dense = keras.layers.Dense(
                dim, activation="tanh", name="readout", dtype=self.dtype_policy
            )
        self.dropout_layer = keras.layers.Dropout(
            dropout, seed=seed, dtype=self.dtype_policy
        )

    def build(self, input_shape: Mapping[str, Shape]) -> None:
        missing = {"source", "target"} - set(input_shape)
        if not isinstance(input_shape, Mapping) or missing:
            raise ValueError(
                '`inputs` must be a dict of "source" and "target"; received shapes '
                f"{input_shape}."
            )
        self.bias: keras.Variable = self.add_weight(
            shape=(self.target_vocabulary,), name="bias", initializer="zeros"
        )
        # What the sublayers look like follows from one call.
        source, target = (
            ops.ones([size or 2 for size in input_shape[name]], "int32")
            for name in ("source", "target")
        )
        self.built = True
        self.call({"source": source, "target": target})

    def call(
        self,
        inputs: Mapping[str, Nest],
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Nest:
        given = list(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
        if not isinstance(inputs, Mapping) or not {"source", "target"} <= set(inputs):
            raise ValueError(
                f'`inputs` must be a dict of "source" and "target"; received {given}.'
            )
        source, target = inputs["source"], inputs["target"]
        check_tokens("target", target)
        memory, mask, state = self.encode(source, training)
        embedded = self._embed(self.target_embedding, target, training=training)
        options = {} if state is None else {"initial_state": state}
        outputs, scores = self.decoder(
            embedded,
            memory,
            memory_mask=mask,
            return_attention_scores=True,
            training=training,
            **options,
        )
        logits = self._logits(outputs, embedded, training)
        return (logits, alignment(scores)) if return_attention_scores else logits

    @in_functional_models
    def encode(
        self, source: Nest, training: bool | None = False
    ) -> tuple[Tensor, Tensor | None, Nest]:
        """Reads the source.

        Args:
            source: As in the call.
            training: Whether dropout acts.

        Returns:
            The memory (B, S, E); its mask (B, S), or None; and the decoder's
            initial state, or None.
        """
        mask, options = None, {}
        if self.source_embedding is not None:
            check_tokens("source", source)
            mask = ops.not_equal(source, 0)
            source = self._embed(self.source_embedding, source, training=training)
            options = {"mask": mask}
        memory = self.encoder(source, training=training, **options)
        if not isinstance(memory, (tuple, list)):
            return memory, mask, None
        memory, *states = memory
        states = self._of_both_directions(states)
        return memory, mask, states[0] if len(states) == 1 else states

    def _of_both_directions(self, states: list[Nest]) -> list[Nest]:
        """The states of a bidirectional encoder as those of one cell; others as given.

        Forward h, c, backward h, c become [h; h] and [c; c].
        """
        cell = getattr(self.decoder, "cell", None)
        if (
            not isinstance(self.encoder, keras.layers.Bidirectional)
            or cell is None
            or isinstance(cell, keras.layers.StackedRNNCells)
        ):
            return states
        one = self.encoder.forward_layer.state_size
        if len(states) != 2 * len(one):
            return states
        pairs = zip(states[: len(one)], states[len(one) :], strict=True)
        joined = [ops.concatenate(pair, axis=-1) for pair in pairs]
        sizes = [state.shape[-1] for state in joined]
        wanted = tree.flatten(cell.state_size)
        if wanted != sizes:
            raise ValueError(
                "`decoder` must have a cell with the states of both directions of the "
                f"`encoder`, concatenated: of sizes {sizes}; received one of {wanted}."
            )
        return joined

    @in_functional_models
    def begin(
        self, source: Nest, max_length: int
    ) -> tuple[dict[str, Nest], dict[str, Nest]]:
        """What `keras_seq.decoding.generate` starts from.

        Args:
            source: As in the call.
            max_length: Tokens that will be generated at most: an integer.

        Returns:
            The state and the constants, for `step`.
        """
        memory, mask, state = self.encode(source)
        constants = {"memory": memory, "keys": self.decoder.project_memory(memory)}
        if mask is not None:
            constants["mask"] = mask
        if isinstance(self.decoder, AttentionDecoder):
            state = self.decoder.get_initial_state(memory, mask, state)
        else:
            state = self.decoder.get_initial_state(memory, max_length=max_length)
        place = ops.zeros((ops.shape(memory)[0],), "int32")
        return {"decoder": state, "place": place}, constants

    @in_functional_models
    def step(
        self, tokens: Tensor, state: Mapping[str, Nest], constants: Mapping[str, Nest]
    ) -> tuple[Tensor, dict[str, Nest], Tensor]:
        """Reads one token a row: the step function that `generate` wants.

        Args:
            tokens: Integers (B,).
            state: The state before.
            constants: What `begin` gave.

        Returns:
            The logits (B, target_vocabulary), the state after, and the alignment
            (B, S).
        """
        place = state["place"]
        embedded = self._embed(self.target_embedding, tokens[:, None], start=place)
        output, after, scores = self.decoder.step(
            embedded[:, 0],
            state["decoder"],
            constants["memory"],
            constants["keys"],
            constants.get("mask"),
        )
        logits = self._logits(output, embedded[:, 0], False)
        return logits, {"decoder": after, "place": place + 1}, alignment(scores)

    def _embedding(self, size: int, name: str) -> keras.layers.Embedding:
        deviation = keras.initializers.RandomNormal(stddev=self.dim**-0.5)
        return keras.layers.Embedding(
            size, self.dim, deviation, name=name, dtype=self.dtype_policy
        )

    def _embed(
        self,
        embedding: keras.layers.Embedding,
        tokens: Tensor,
        start: Integers = 0,
        training: bool | None = False,
    ) -> Tensor:
        # The entries have variance 1 / dim, for the logits: here they need 1.
        embedded = embedding(tokens) * self.dim**0.5
        if self.positions is not None:
            embedded = self.positions(embedded, start=start)
        return self.dropout_layer(embedded, training=training)

    def _logits(
        self, outputs: Tensor, embedded: Tensor, training: bool | None
    ) -> Tensor:
        if self.readout_dense is not None:
            outputs = self.readout_dense(ops.concatenate([outputs, embedded], axis=-1))
        elif outputs.shape[-1] not in (None, self.dim):
            raise ValueError(
                "`readout` must be True unless the decoder's outputs have dim = "
                f"{self.dim} features; received outputs of {outputs.shape[-1]}."
            )
        outputs = self.dropout_layer(outputs, training=training)
        return tied_logits(outputs, self.target_embedding, self.bias)

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "target_vocabulary": self.target_vocabulary,
            "source_vocabulary": self.source_vocabulary,
            "share_embeddings": self.share_embeddings,
            "dim": self.dim,
            "positions": self.positions and serialize(self.positions),
            "readout": self.readout,
            "dropout": self.dropout,
            "seed": self.seed,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> "Self":
        config = dict(config)
        for name in ("encoder", "decoder", "positions"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def alignment(scores: Nest) -> Tensor:
    """One weight for each source position: (B, [T,] S).

    A recurrent decoder's scores are that. Of a transformer's, a list with
    (B, H, [T,] S) a layer, the mean over the heads of the last layer but one,
    which is nearest to an alignment (Garg et al., 2019).
    """
    if not isinstance(scores, (list, tuple)):
        return scores
    return ops.mean(scores[-2] if len(scores) > 1 else scores[-1], axis=1)
