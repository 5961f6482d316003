"""The grammar with requests, beside a model: behind prompts that have been read."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar._asked import AskedMachine
from keras_seq.music.grammar._asked_state import Asked, Heard, State, as_arrays
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar._machine import Registers
from keras_seq.music.grammar._typed import readable
from keras_seq.music.grammar.constraint import TuneGrammar, allowed_along
from keras_seq.music.request import MOST_SECTIONS, TuneRequest
from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Nest, Tensor

if TYPE_CHECKING:
    from keras_seq.music.writing import TuneWriter


class AskedBeginnings(NamedTuple):
    """How tunes begin, as `Beginnings`, with the state behind."""

    state: State
    good: Tensor
    whole: Tensor
    more: Tensor


def read_asked(grammar: TuneGrammar, texts: Strings, asked: Asked) -> AskedBeginnings:
    """Reads how tunes begin, of which something is asked, inside the graph.

    Args:
        grammar: A `TuneGrammar`.
        texts: String tensor of shape (B,), UTF-8.
        asked: What is asked of each.
    """
    tf, machine = require("tensorflow", "text"), grammar.asking()
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
    ids, lengths = grammar.vocabulary.encode_tensor(texts)
    first = machine.begin(asked, NEVER)

    def body(i: Tensor, state: State, good: Tensor) -> tuple[Tensor, State, Tensor]:
        token = ids[:, i]
        cost = tf.gather(machine.costs_asked(state), token, batch_dims=1)
        reads = (i < lengths) & (good == i) & (cost < NEVER)
        after = machine.step_asked(state, token)

        def chosen(new: Tensor, old: Tensor) -> Tensor:
            return tf.where(reads if new.shape.rank == 1 else reads[:, None], new, old)

        registers = Registers(*map(chosen, after.registers, state.registers))
        heard = Heard(*map(chosen, after.heard, state.heard))
        return (
            i + 1,
            State(registers, heard, state.asked),
            good + tf.cast(reads, tf.int32),
        )

    longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
    _, state, good = tf.while_loop(
        lambda i, state, good: i < longest,
        body,
        (tf.constant(0), first, tf.zeros_like(lengths)),
    )
    far = machine.costs_asked(state, written=True)
    good = tf.minimum(good, readable(texts))
    return AskedBeginnings(state, good, good == lengths, tf.reduce_min(far, axis=1) + 1)


class AskedAlong(Constraint):
    """The grammar with what is asked, from the start of tunes.

    Args:
        grammar: A `TuneGrammar`.
        asked: What is asked of each.
    """

    def __init__(self, grammar: TuneGrammar, asked: Asked) -> None:
        self.machine: AskedMachine = grammar.asking()
        self.asked = asked

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        return self.machine.begin(self.asked, max_length)

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        tf = require("tensorflow", "text")
        room = tf.minimum(state.registers.left, NEVER) - 1
        far = self.machine.costs_asked(state, written=True)
        return far <= tf.expand_dims(room, 1)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        return self.machine.step_asked(state, tokens)

    def allowed_along(self, ids: Tensor, state: Nest) -> tuple[Tensor, Nest]:
        """What is allowed behind each token of whole sequences, as the grammar's."""
        size = self.machine.size
        return allowed_along(self, ids, state, size)


class BehindAsked(AskedAlong):
    """The same, behind beginnings that have been read."""

    def __init__(
        self, grammar: TuneGrammar, begun: AskedBeginnings, max_length: Tensor
    ) -> None:
        tf = require("tensorflow", "text")
        super().__init__(grammar, begun.state.asked)
        room = tf.where(begun.whole, max_length, 0)
        self.first = begun.state._replace(
            registers=begun.state.registers._replace(left=room)
        )

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        return self.first


def asked_functions(writer: "TuneWriter") -> tuple[Any, Any, Any]:
    """Functions: what continues tunes, what reads prompts, what judges tunes."""
    tf, grammar = require("tensorflow", "text"), writer.grammar
    assert grammar is not None
    strings, floats, integers = (
        tf.TensorSpec([None], dtype) for dtype in (tf.string, tf.float32, tf.int32)
    )
    of_section = tf.TensorSpec([None, MOST_SECTIONS + 1], tf.int32)
    asked_spec = [of_section] * 4 + [integers] * (len(Asked._fields) - 4)

    def continued(
        prompts: Strings,
        temperature: Tensor,
        top_p: Tensor,
        seed: Tensor,
        max_length: Tensor,
        *asked: Tensor,
    ) -> tuple[Tensor, Tensor]:
        begun = read_asked(grammar, prompts, Asked(*asked))
        return writer.continue_documents(
            prompts,
            temperature,
            top_p,
            seed,
            max_length,
            constraint=BehindAsked(grammar, begun, max_length),
        )

    def read(prompts: Strings, *asked: Tensor) -> tuple[Tensor, ...]:
        return read_asked(grammar, prompts, Asked(*asked))[1:]

    def judge(ids: Tensor, *asked: Tensor) -> Tensor:
        return writer.nats_within(ids, AskedAlong(grammar, Asked(*asked)), ids[:, 0])

    judged = tf.function(
        judge,
        input_signature=[tf.TensorSpec([None, None], tf.int32), *asked_spec],
        autograph=False,
    )

    def judged_by(ids: np.ndarray, request: TuneRequest) -> Tensor:
        return judged(ids, *as_arrays([request] * len(ids), [True] * len(ids)))

    return (
        tf.function(
            continued,
            input_signature=[strings, floats, floats, integers, integers, *asked_spec],
            autograph=False,
        ),
        tf.function(read, input_signature=[strings, *asked_spec], autograph=False),
        judged_by,
    )


def continue_asked(
    writer: "TuneWriter",
    prompts: list[str],
    request: TuneRequest,
    free_start: bool,
    how: tuple[float, float],
    seeds: np.ndarray,
    max_length: int,
) -> tuple[list[str], np.ndarray]:
    """Continues documents so that they obey a request."""
    count = len(prompts)
    asked = as_arrays([request] * count, [free_start] * count)
    texts, finished = writer.asked_functions[0](
        prompts,
        *(np.full(count, each, "float32") for each in how),
        seeds.astype("int32"),
        np.full(count, max_length, "int32"),
        *asked,
    )
    return [text.decode() for text in texts.numpy()], finished.numpy()
