"""What a call of each layer takes and gives, for type checkers.

Keras's `Layer.__call__` takes and gives anything. A class that says `__call__:
AttentionCall` tells a checker what its `call` says, and what comes back with a
flag; it assigns nothing, so that at run time the call is Keras's as before. Where
a flag is a variable, the form of the result isn't known: a `Nest`.

What is a tensor is `Tensor`, which takes anything. An `Array` would be refused by
pyright in good programs: it reads in Keras's source that most of `keras.ops` give
an object or None.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, overload

from keras_seq.layers._decoder_state import DecoderState
from keras_seq.typing import ArrayLike, Nest, Tensor


class RecurrentCall(Protocol):
    """A recurrent layer. Its result has the form that its constructor was told.

    A checker isn't told: it would take a type parameter for each flag, and each
    constructor, with its thirty arguments, written out for each combination.
    """

    def __call__(
        self,
        sequences: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        sequence_length: ArrayLike | None = None,
    ) -> Nest: ...


class StackCall(RecurrentCall, Protocol):
    """An `ExplicitStack`, which is called as one of its layers."""


class DistributedCall(Protocol):
    """`TimeDistributed`. Its result has the form of its layer's."""

    def __call__(
        self,
        inputs: Tensor,
        training: bool | None = None,
        mask: Tensor | None = None,
    ) -> Nest: ...


class CellCall(Protocol):
    """A recurrent cell: one step."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        states: Nest,
        training: bool | None = False,
        return_gates: Literal[False] = False,
    ) -> tuple[Tensor, Nest]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        states: Nest,
        training: bool | None = False,
        *,
        return_gates: Literal[True],
    ) -> tuple[Tensor, Nest, dict[str, Tensor]]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        states: Nest,
        training: bool | None = False,
        return_gates: bool = False,
    ) -> Nest: ...


class AttentionCall(Protocol):
    """An attention mechanism."""

    @overload
    def __call__(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        *,
        return_attention_scores: Literal[True],
        training: bool | None = False,
        memory_sequence_length: ArrayLike | None = None,
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def __call__(
        self,
        query: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        keys: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = False,
        memory_sequence_length: ArrayLike | None = None,
    ) -> Nest: ...


class PoolingCall(Protocol):
    """`AttentionPooling`."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        *,
        return_attention_scores: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        return_attention_scores: bool = False,
    ) -> Nest: ...


class AttentionDecoderCall(Protocol):
    """An `AttentionDecoder`. The weights are a list where it attends to several."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Nest,
        memory_mask: Nest = None,
        initial_state: Nest | None = None,
        *,
        return_state: Literal[True],
        return_attention_scores: Literal[True],
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> tuple[Tensor, DecoderState, Nest]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Nest,
        memory_mask: Nest = None,
        initial_state: Nest | None = None,
        *,
        return_state: Literal[True],
        return_attention_scores: Literal[False] = False,
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> tuple[Tensor, DecoderState]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Nest,
        memory_mask: Nest = None,
        initial_state: Nest | None = None,
        return_state: Literal[False] = False,
        *,
        return_attention_scores: Literal[True],
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> tuple[Tensor, Nest]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Nest,
        memory_mask: Nest = None,
        initial_state: Nest | None = None,
        return_state: bool = False,
        return_attention_scores: bool = False,
        training: bool | None = False,
        memory_sequence_length: Nest = None,
    ) -> Nest: ...


class TransformerEncoderCall(Protocol):
    """A `TransformerEncoder`. The weights are a list with those of each layer."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = False,
        *,
        return_attention_scores: Literal[True],
    ) -> tuple[Tensor, list[Tensor]]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Nest: ...


class TransformerDecoderCall(Protocol):
    """A `TransformerDecoder`. The weights are lists with those of each layer."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        *,
        return_attention_scores: Literal[True],
        return_self_attention_scores: Literal[True],
        inputs_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        *,
        return_attention_scores: Literal[True],
        return_self_attention_scores: Literal[False] = False,
        inputs_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: Literal[False] = False,
        *,
        return_self_attention_scores: Literal[True],
        inputs_mask: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]: ...

    @overload
    def __call__(
        self,
        inputs: Tensor,
        memory: Tensor | None = None,
        memory_mask: Tensor | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        return_self_attention_scores: bool = False,
        inputs_mask: Tensor | None = None,
    ) -> Nest: ...


class PositionalCall(Protocol):
    """A `PositionalEncoding`."""

    def __call__(self, inputs: Tensor, start: Tensor | None = None) -> Tensor: ...


class SuffixCall(Protocol):
    """A `SuffixAttention`."""

    @overload
    def __call__(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        return_state: Literal[False] = False,
        return_attention_scores: Literal[False] = False,
    ) -> Tensor: ...
    @overload
    def __call__(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        *,
        return_state: Literal[True],
        return_attention_scores: Literal[False] = False,
    ) -> tuple[Tensor, list[Tensor]]: ...
    @overload
    def __call__(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        return_state: Literal[False] = False,
        *,
        return_attention_scores: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...
    @overload
    def __call__(
        self,
        inputs: Tensor,
        tokens: Tensor,
        initial_state: Nest = None,
        mask: Tensor | None = None,
        return_state: bool = False,
        return_attention_scores: bool = False,
    ) -> Nest: ...


class EncoderDecoderCall(Protocol):
    """An `EncoderDecoder`."""

    @overload
    def __call__(
        self,
        inputs: Mapping[str, Nest],
        training: bool | None = False,
        *,
        return_attention_scores: Literal[True],
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def __call__(
        self,
        inputs: Mapping[str, Nest],
        training: bool | None = False,
        return_attention_scores: bool = False,
    ) -> Nest: ...


class LanguageModelCall(Protocol):
    """A `RecurrentLanguageModel`."""

    @overload
    def __call__(
        self,
        tokens: Tensor,
        initial_state: Sequence[Sequence[Tensor]] | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        *,
        return_state: Literal[True],
    ) -> tuple[Tensor, list[list[Tensor]]]: ...

    @overload
    def __call__(
        self,
        tokens: Tensor,
        initial_state: Sequence[Sequence[Tensor]] | None = None,
        mask: Tensor | None = None,
        training: bool | None = False,
        return_state: bool = False,
    ) -> Nest: ...
