"""The grammar of tunes as a constraint that runs beside the model."""

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar._machine import Machine, Registers
from keras_seq.music.grammar._tables import compile_tables
from keras_seq.text import END, UNKNOWN, CharacterVocabulary
from keras_seq.typing import Nest, Tensor


class TuneGrammar(Constraint):
    r"""What is written is a tune that is valid, complete, and ends in time.

    The language is a part of ABC notation which holds most of what transcribers of
    folk tunes write, and of which every word passes `validate` without a problem: T,
    R, M, L, Q and K lines in this order; notes, rests, chords, grace notes, tuplets,
    broken rhythm, slurs and ties that are ended, marks and texts before notes; bars
    of the meter's length, sections with pickups that their last bars complete,
    repeats, first and second endings; changes of key between sections.

    It is a machine of tables and of integer registers, which runs inside the graph
    beside the model (on TensorFlow). For every character it knows how many more lead
    to the end of the tune at least, and forbids those for which there is no room.

    A beam search takes it as well. Tokens that a prompt has been read from are given
    to `behind`.

    Args:
        vocabulary: The model's `keras_seq.text.CharacterVocabulary`.

    Raises:
        ValueError: If no whole tune can be written with its characters.

    Example:

    A model that knows nothing writes a tune:

    >>> import numpy as np
    >>> from keras_seq.decoding import Sample, generate
    >>> from keras_seq.music import from_document, validate
    >>> vocabulary = CharacterVocabulary("TMLKCDEFGABcd:/|123468 \n")
    >>> grammar = TuneGrammar(vocabulary)
    >>> drawn = generate(
    ...     lambda tokens, state: (np.zeros((1, len(vocabulary))), state),
    ...     (),
    ...     np.array([1]),
    ...     max_length=200,
    ...     strategy=Sample(),
    ...     end_token=2,
    ...     constraint=grammar,
    ...     seed=1,
    ... )
    >>> tune = vocabulary.decode(drawn.ids.numpy()[0, : int(drawn.lengths[0])])
    >>> validate(from_document(tune)).problems
    ()
    """

    def __init__(self, vocabulary: CharacterVocabulary) -> None:
        self.vocabulary = vocabulary
        first = len(vocabulary) - len(vocabulary.characters)
        tokens = [""] * first + list(vocabulary.characters)
        tables = compile_tables(tokens, END, UNKNOWN)
        self._machine = Machine(tables)
        tf = require("tensorflow", "text")
        self._checked = tf.function(
            self._read_and_ask,
            input_signature=[
                tf.TensorSpec([None, None], tf.int32),
                tf.TensorSpec([None], tf.int32),
            ],
            autograph=False,
        )
        self.shortest = tables.shortest
        """Characters of the shortest tune, the mark of its end among them."""

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        return self._machine.first(start_tokens, max_length)

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        tf, size = require("tensorflow", "text"), len(self.vocabulary)
        if vocabulary_size not in (None, size):
            raise ValueError(
                f"`vocabulary` must have V = {vocabulary_size} tokens, as many as "
                f"there are logits; received {size}."
            )
        room = tf.minimum(state.left, NEVER) - 1
        far = self._machine.to_the_end(state, written=True)
        return far <= tf.expand_dims(room, 1)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        return self._machine.step(state, tokens)

    def read(self, ids: Tensor, lengths: Tensor) -> tuple[Registers, Tensor, Tensor]:
        """Reads how tunes begin, inside the graph.

        What people write may stand there although a model may not write it, such as
        a text in quotes without a place.

        Args:
            ids: int32 tensor of shape (B, P).
            lengths: int32 tensor of shape (B,): how many of them count.

        Returns:
            The registers behind them; how many characters are understood, all or
            those before the one that breaks the grammar; and how many more the tune
            needs at least, the mark of its end among them. int32, (B,).
        """
        tf = require("tensorflow", "text")
        first = self.initial_state(lengths, NEVER)

        def body(i: Tensor, state: Nest, good: Tensor) -> tuple[Tensor, Nest, Tensor]:
            token = ids[:, i]
            cost = tf.gather(self._machine.to_the_end(state), token, batch_dims=1)
            reads = (i < lengths) & (good == i) & (cost < NEVER)
            after = self.next_state(state, token)
            state = Registers(
                *(tf.where(reads, a, b) for a, b in zip(after, state, strict=True))
            )
            return i + 1, state, good + tf.cast(reads, tf.int32)

        longest = tf.reduce_max(tf.concat([lengths, [0]], axis=0))
        _, state, good = tf.while_loop(
            lambda i, state, good: i < longest,
            body,
            (tf.constant(0), first, tf.zeros_like(lengths)),
        )
        far = self._machine.to_the_end(state, written=True)
        return state, good, tf.reduce_min(far, axis=1) + 1

    def _read_and_ask(
        self, ids: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What `read` says, and how far the end is behind what may be written next."""
        registers, good, more = self.read(ids, lengths)
        return good, more, self._machine.to_the_end(registers, written=True)

    def allowed_along(
        self, ids: Tensor, registers: Registers
    ) -> tuple[Tensor, Registers]:
        """What is allowed behind each token of whole sequences, inside the graph.

        Args:
            ids: int32 tensor of shape (B, T). Marks of a start change nothing.
            registers: Those before.

        Returns:
            Booleans of shape (B, T, V), and the registers behind the sequences.
        """
        tf = require("tensorflow", "text")
        steps, size = tf.shape(ids)[1], len(self.vocabulary)

        def body(i: Tensor, state: Nest, found: Tensor) -> tuple[Tensor, Nest, Tensor]:
            state = self.next_state(state, ids[:, i])
            return i + 1, state, found.write(i, self.allowed(state, size))

        array = tf.TensorArray(tf.bool, steps, element_shape=[None, size])
        _, registers, array = tf.while_loop(
            lambda i, *_: i < steps, body, (tf.constant(0), registers, array)
        )
        return tf.transpose(array.stack(), [1, 0, 2]), registers

    def behind(self, registers: Registers, max_length: Tensor) -> Constraint:
        """The constraint on what follows the beginnings that `read` has read.

        Args:
            registers: What `read` gives.
            max_length: int32 tensor of shape (B,): tokens that may still be written,
                the mark of the end among them.

        Returns:
            A `Constraint`.
        """
        return _Behind(self, registers._replace(left=max_length))

    def check(self, text: str) -> int:
        r"""Reads how a tune begins.

        Args:
            text: The beginning of a tune, as a document.

        Returns:
            How many more characters it needs at least to be a tune, the mark of its
            end among them.

        Raises:
            ValueError: If it breaks the grammar; it says where, and what might stand
                there.

        Example:

        >>> characters = "TMLKCDEFGABcd:/|123468 \n"
        >>> grammar = TuneGrammar(CharacterVocabulary(characters))
        >>> header = "T:C\nM:C\nL:1/8\nK:C\n"
        >>> grammar.check(header)
        6
        >>> grammar.check(header + "CDEFGABcd")
        Traceback (most recent call last):
        ...
        ValueError: line 5, column 9: expected '/', '3', ':' or '|', came 'd'
        """
        good, more, far = self._checked([self.vocabulary.encode(text)], [len(text)])
        place = int(good[0])
        if place == len(text):
            return int(more[0])
        before, far = text[:place], far.numpy()[0]
        encode = self.vocabulary.encode
        can = [c for c in self.vocabulary.characters if far[encode(c)[0]] < NEVER]
        line, column = before.count("\n") + 1, place - before.rfind("\n")
        raise ValueError(
            f"line {line}, column {column}: expected {_listed(can)}, came "
            f"{text[place]!r}"
        )


class _Behind(Constraint):
    """The grammar behind beginnings that have been read."""

    def __init__(self, grammar: TuneGrammar, registers: Registers) -> None:
        self.grammar = grammar
        self.registers = registers

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        return self.registers

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        return self.grammar.allowed(state, vocabulary_size)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        return self.grammar.next_state(state, tokens)


def _listed(characters: list[str]) -> str:
    """Characters as a person names them, some of many."""
    shown = [repr(character) for character in characters[:12]]
    if len(characters) > len(shown):
        return ", ".join(shown) + " or others"
    return " or ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)
