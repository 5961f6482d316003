"""The grammar of tunes as a constraint that runs beside the model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar._asked import AskedMachine
from keras_seq.music.grammar._asked_tables import asked_tables
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar._machine import Machine, Registers
from keras_seq.music.grammar._spelling import spelled
from keras_seq.music.grammar._tables import compile_tables
from keras_seq.music.grammar._typed import readable
from keras_seq.text import END, UNKNOWN, CharacterVocabulary
from keras_seq.text.vocabulary import Strings
from keras_seq.typing import Nest, Tensor


class Beginnings(NamedTuple):
    """How tunes begin, as the grammar reads them; tensors of shape (B,).

    Args:
        registers: Those behind what is understood.
        good: How many characters are understood.
        whole: Whether all of them are.
        commented: Whether the next is a % that would begin a comment, or a backslash
            at the end of a line.
        more: How many more characters the tune needs at least, the mark of its end
            among them; `NEVER` or more where it can't be ended.
    """

    registers: Registers
    good: Tensor
    whole: Tensor
    commented: Tensor
    more: Tensor


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
        self._tables = tables
        self._machine = Machine(tables)
        self._asking: AskedMachine | None = None
        tf = require("tensorflow", "text")
        self._checked = tf.function(
            self._read_and_ask,
            input_signature=[tf.TensorSpec([None], tf.string)],
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

    def read_texts(self, texts: Strings) -> Beginnings:
        """Reads how tunes begin, inside the graph.

        Other than `read` it sees a bare % that the vocabulary doesn't know.

        Args:
            texts: String tensor of shape (B,), UTF-8.

        Returns:
            `Beginnings`.
        """
        tf = require("tensorflow", "text")
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8")
        ids, lengths = self.vocabulary.encode_tensor(texts)
        registers, good, more = self.read(ids, lengths)
        seen = readable(texts)
        good, commented = tf.minimum(good, seen), seen < good
        return Beginnings(registers, good, good == lengths, commented, more)

    def _read_and_ask(self, texts: Strings) -> tuple[Tensor, ...]:
        """What is read, and how far the end is behind what may be written next."""
        registers, *read = self.read_texts(texts)
        return *read, self._machine.to_the_end(registers, written=True)

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
        return allowed_along(self, ids, registers, len(self.vocabulary))

    def asking(self) -> AskedMachine:
        """The machine that obeys requests, made when the first one comes."""
        if self._asking is None:
            first = len(self.vocabulary) - len(self.vocabulary.characters)
            tokens = [""] * first + list(self.vocabulary.characters)
            self._asking = AskedMachine(self._tables, asked_tables(tokens))
        return self._asking

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
        >>> try:
        ...     grammar.check(header + "CDEFGABcd")
        ... except ValueError as error:
        ...     print(error)
        line 5, column 9: expected '/', '3', ':' or '|', came 'd'
        """
        return self.check_all([text])[0]

    def check_all(self, texts: Sequence[str]) -> list[int]:
        r"""Reads how tunes begin, all of them at once.

        Args:
            texts: As `check` reads one each.

        Returns:
            What it says of each.

        Raises:
            BrokenGrammar: A ValueError, as that of `check`, for the first that breaks
                the grammar.

        Example:

        >>> characters = "TMLKCDEFGABcd:/|123468 \n"
        >>> grammar = TuneGrammar(CharacterVocabulary(characters))
        >>> grammar.check_all(["T:C\nM:C\nL:1/8\nK:C\n", "T:C\nM:C\nL:1/8\nK:C\nC8"])
        [6, 4]
        """
        if not texts:
            return []
        good, whole, commented, more, far = (
            each.numpy() for each in self._checked(list(texts))
        )
        if not whole.all():
            row = int(whole.argmin())
            text, place = texts[row], int(good[row])
            raise BrokenGrammar(
                text, place, "" if commented[row] else self._listed(far[row])
            )
        return more.tolist()

    def spell(self, field: str, value: str) -> str:
        r"""What a header field is to say, in a spelling that the grammar has.

        Args:
            field: One of T, R, M, L, K.
            value: What the field is to say.

        Returns:
            `value`, or another spelling of the same key.

        Raises:
            ValueError: If the grammar has no such value; it says what it has.

        Example:

        >>> characters = "TMLKCDEFGABcdmix:/|123468 \n"
        >>> grammar = TuneGrammar(CharacterVocabulary(characters))
        >>> grammar.spell("K", "DMIX"), grammar.spell("M", "6/8")
        ('Dmix', '6/8')
        """
        if field in ("M", "L", "K"):
            return spelled(field, value, self.vocabulary.characters)
        header = {"T": "", "R": "T:-\n"}[field]
        self.check(f"{header}{field}:{value}\n")
        return value

    def _listed(self, far: np.ndarray) -> str:
        """The characters that may come, as a person names them, some of many."""
        encode = self.vocabulary.encode
        can = [c for c in self.vocabulary.characters if far[encode(c)[0]] < NEVER]
        shown = [repr(character) for character in can[:12]]
        if len(can) > len(shown):
            return ", ".join(shown) + " or others"
        return " or ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def allowed_along(
    rules: Constraint, ids: Tensor, state: Nest, size: int
) -> tuple[Tensor, Nest]:
    """What a constraint allows behind each token: (B, T, V); and the state then."""
    tf = require("tensorflow", "text")
    steps = tf.shape(ids)[1]

    def body(i: Tensor, state: Nest, found: Tensor) -> tuple[Tensor, Nest, Tensor]:
        state = rules.next_state(state, ids[:, i])
        return i + 1, state, found.write(i, rules.allowed(state, size))

    array = tf.TensorArray(tf.bool, steps, element_shape=[None, size])
    _, state, array = tf.while_loop(
        lambda i, *_: i < steps, body, (tf.constant(0), state, array)
    )
    return tf.transpose(array.stack(), [1, 0, 2]), state


class BrokenGrammar(ValueError):
    """What a text has that the grammar doesn't.

    Args:
        text: The text.
        place: Number of the character, from 0.
        expected: What might stand there; `""` where it is a sign of a comment, or a
            backslash at the end of a line.
    """

    def __init__(self, text: str, place: int, expected: str) -> None:
        before = text[:place]
        self.place = place
        self.line = before.count("\n") + 1
        self.field = text.split("\n")[self.line - 1][:1]
        came = repr(text[place])
        said = f"expected {expected}, came {came}"
        if not expected:
            said = f"came {came}, which must stand behind a backslash"
            if text[place] != "%":
                said = "came a backslash behind which nothing stands"
        self.said = said
        column = place - before.rfind("\n")
        super().__init__(f"line {self.line}, column {column}: {said}")


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
