"""The grammar beside a model: behind prompts, and while documents are read."""

from collections.abc import Callable, Iterable

from keras import ops

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar.constraint import TuneGrammar
from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Array, Nest, Tensor

FAR = 1e9  # below any logit, turned over
_BOUNDLESS = 2**14  # characters


def constraint_behind(
    grammar: TuneGrammar | None, ids: Tensor, lengths: Tensor, room: Array
) -> Constraint | None:
    """What may be written behind prompts; nothing where one breaks the grammar.

    Args:
        grammar: A `TuneGrammar`; None gives None.
        ids: int32 tensor of shape (B, P + 1), behind a start mark each.
        lengths: int32 tensor of shape (B,): characters of the prompts.
        room: int32 tensor of shape (B,): what may be written.
    """
    if grammar is None:
        return None
    tf = require("tensorflow", "text")
    registers, good, _ = grammar.read(ids[:, 1:], lengths)
    return grammar.behind(registers, tf.where(good < lengths, 0, room))


def understood(grammar: TuneGrammar, prompts: Strings) -> tuple[Tensor, Tensor]:
    """How far the grammar understands how documents begin, inside the graph.

    Args:
        grammar: A `TuneGrammar`.
        prompts: String tensor of shape (B,).

    Returns:
        How many characters are understood, -1 where all of them are; and how many more
        the tune needs at least. int32, of shape (B,).
    """
    tf = require("tensorflow", "text")
    ids, lengths = grammar.vocabulary.encode_tensor(prompts)
    _, good, more = grammar.read(ids, lengths)
    return tf.where(good < lengths, good, -1), more


def check_prompts(
    grammar: TuneGrammar | None, prompts: Iterable[str], max_length: int
) -> None:
    """Refuses prompts that break the grammar, or leave too little room for an end."""
    if grammar is None:
        return
    for prompt in dict.fromkeys(prompts):
        try:
            more = grammar.check(prompt)
        except ValueError as error:
            raise ValueError(f"`given` breaks the grammar: {error}.") from None
        if more > max_length:
            raise ValueError(
                f"`max_length` must be at least {more}, so that the tune can end; "
                f"received {max_length!r}."
            )


def read_in_grammar(
    read: Callable[[Tensor, Nest], tuple[Tensor, Nest]],
    grammar: TuneGrammar,
    like: Tensor,
    state: Nest,
) -> tuple[Callable[[Tensor, Nest], tuple[Tensor, Nest]], Nest]:
    """A reader whose logits are `-FAR` for what the grammar doesn't allow.

    Args:
        read: Function `(ids, state) -> (logits, state)`.
        grammar: A `TuneGrammar`.
        like: int32 tensor of shape (B,).
        state: Its first state.

    Returns:
        Such a function, and its first state.
    """

    def masked(ids: Tensor, state: Nest) -> tuple[Tensor, Nest]:
        before, registers = state
        logits, before = read(ids, before)
        allowed, registers = grammar.allowed_along(ids, registers)
        return ops.where(allowed, logits, -FAR), (before, registers)

    return masked, (state, grammar.initial_state(like, _BOUNDLESS))
