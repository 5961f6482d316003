"""The grammar beside a model: behind prompts, and while documents are read."""

from collections.abc import Callable, Iterable

from keras import ops

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar._header import KNOWN
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar.asking import AskedAlong
from keras_seq.music.grammar.constraint import Beginnings, BrokenGrammar, TuneGrammar
from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Array, Nest, Tensor

FAR = 1e9  # below any logit, turned over
_BOUNDLESS = 2**14  # characters


def constraint_behind(
    grammar: TuneGrammar | None,
    prompts: Strings,
    room: Array,
    begun: Beginnings | None = None,
) -> Constraint | None:
    """What may be written behind prompts; nothing where one breaks the grammar.

    Args:
        grammar: A `TuneGrammar`; None gives None.
        prompts: String tensor of shape (B,).
        room: int32 tensor of shape (B,): what may be written.
        begun: What the grammar has read of the prompts, if it has.
    """
    if grammar is None:
        return None
    tf = require("tensorflow", "text")
    begun = grammar.read_texts(prompts) if begun is None else begun
    return grammar.behind(begun.registers, tf.where(begun.whole, room, 0))


def check_prompts(
    grammar: TuneGrammar | None, prompts: Iterable[str], max_length: int
) -> None:
    """Refuses prompts that break the grammar, or leave too little room for an end."""
    if grammar is None:
        return
    try:
        more = max(grammar.check_all(list(dict.fromkeys(prompts))), default=0)
    except BrokenGrammar as error:
        known = KNOWN.get(error.field, "") if error.line < len("TRMLQK") else ""
        raise ValueError(
            f"`given` breaks the grammar: {error}{known and f' ({known})'}."
        ) from None
    if more >= NEVER:
        raise ValueError("`given` breaks the grammar: nothing ends such a tune.")
    if more > max_length:
        raise ValueError(
            f"`max_length` must be at least {more}, so that the tune can end; "
            f"received {max_length!r}."
        )


def read_in_grammar(
    read: Callable[[Tensor, Nest], tuple[Tensor, Nest]],
    grammar: TuneGrammar | AskedAlong,
    like: Tensor,
    state: Nest,
) -> tuple[Callable[[Tensor, Nest], tuple[Tensor, Nest]], Nest]:
    """A reader whose logits are `-FAR` for what the grammar doesn't allow.

    Args:
        read: Function `(ids, state) -> (logits, state)`.
        grammar: A `TuneGrammar`, or one of which something is asked.
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
