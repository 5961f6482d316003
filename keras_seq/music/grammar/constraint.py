"""The grammar of tunes as a constraint that runs beside the model."""

from typing import Any, NamedTuple

import numpy as np

from keras_seq.decoding import Constraint
from keras_seq.extras import require
from keras_seq.music.grammar._actions import NAMES, NUMBER
from keras_seq.music.grammar._lengths import BAD, NEVER
from keras_seq.music.grammar._tables import SLOTS, Tables, compile_tables
from keras_seq.text import END, UNKNOWN, CharacterVocabulary
from keras_seq.typing import Nest, Tensor

_NONE = len(NAMES)  # no action


class Registers(NamedTuple):
    """What is known of the tunes so far; each of shape (B,), int32.

    Args:
        place: Where in the text.
        mode: What is open: sections, repeats, slurs, ties.
        row: What the length of the open or next note hangs on.
        ticks: What the bar lacks, the open note not counted.
        full: Ticks of a whole bar.
        last: Ticks of the last note.
        pickup: Those of the section's pickup, 0 for none.
        tune_pickup: Those of the tune's.
        letter: Number of the last note's letter.
        left: Tokens that may still be written.
    """

    place: Tensor
    mode: Tensor
    row: Tensor
    ticks: Tensor
    full: Tensor
    last: Tensor
    pickup: Tensor
    tune_pickup: Tensor
    letter: Tensor
    left: Tensor


class _Settled(NamedTuple):
    """What follows from the registers, whatever comes next; (B,) or (B, 5)."""

    ticks: Tensor  # what the bar lacks behind the open note
    last: Tensor
    sums: Tensor  # (B, 5): the registers that `Ticks` adds up
    pipe: Tensor  # which action a | is
    colon: Tensor  # which a :


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
        self._tables: Tables = compile_tables(tokens, END, UNKNOWN)
        self._width = self._tables.cost.shape[1]
        self.shortest = self._tables.shortest
        """Characters of the shortest tune, the mark of its end among them."""

    def initial_state(self, start_tokens: Tensor, max_length: int | Tensor) -> Nest:
        tf = require("tensorflow", "text")
        nothing = tf.zeros_like(tf.cast(start_tokens, tf.int32))
        return Registers(*(nothing,) * 9, nothing + max_length)

    def allowed(self, state: Nest, vocabulary_size: int) -> Tensor:
        tf, t = require("tensorflow", "text"), self._tables
        if vocabulary_size not in (None, len(t.letter)):
            raise ValueError(
                f"`vocabulary` must have V = {vocabulary_size} tokens, as many as "
                f"there are logits; received {len(t.letter)}."
            )
        room = tf.minimum(state.left, NEVER) - 1
        return self._written(tf, state) <= tf.expand_dims(room, 1)

    def next_state(self, state: Nest, tokens: Tensor) -> Nest:
        tf, t = require("tensorflow", "text"), self._tables
        settled = self._settled(tf, state)
        at = tf.stack([state.place, tokens], axis=1)
        slot = tf.gather_nd(t.action, at)
        action = tf.where(slot < SLOTS, settled.colon, slot - SLOTS)
        action = tf.where(slot == 0, settled.pipe, action)
        known = action < _NONE
        action = tf.where(known, action, 0)
        of_mode = tf.stack([state.mode, action], axis=1)
        mode = tf.maximum(tf.gather_nd(t.mode, of_mode), 0)
        row = tf.gather_nd(t.row, tf.stack([state.row, action], axis=1))
        sums = tf.gather(t.ticks.T, action)
        ticks = tf.reduce_sum(settled.sums * sums, axis=1)
        written = state.full - settled.ticks
        is_pickup = action == NUMBER["pipe, pickup"]
        parts = tf.stack([state.pickup, written, settled.ticks], axis=1)
        pickup = tf.reduce_sum(parts * tf.gather(_PICKUPS.T, action), axis=1)
        pickup *= tf.gather_nd(t.keeps_pickup, of_mode)
        of_tune = tf.logical_and(is_pickup, tf.gather(t.in_upbeat, state.mode))
        value = tf.gather(t.bar_ticks, state.place)
        letter = tf.gather(t.letter, tokens)
        return Registers(
            place=tf.gather_nd(t.place, at),
            mode=mode,
            row=tf.maximum(row, 0),
            ticks=ticks,
            full=tf.where(action == NUMBER["meter"], value, state.full),
            last=settled.last,
            pickup=pickup,
            tune_pickup=tf.where(of_tune, written, state.tune_pickup),
            letter=tf.where(action == NUMBER["note"], letter, state.letter),
            left=state.left - 1,
        )

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
            cost = tf.gather(self._to_the_end(tf, state), token, batch_dims=1)
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
        return state, good, tf.reduce_min(self._written(tf, state), axis=1) + 1

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
        steps, size = tf.shape(ids)[1], len(self._tables.letter)

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
        tf = require("tensorflow", "text")
        ids = tf.constant([self.vocabulary.encode(text)], tf.int32)
        registers, good, more = self.read(ids, tf.constant([len(text)]))
        place = int(good[0])
        if place == len(text):
            return int(more[0])
        before = text[:place]
        costs = self._written(tf, registers).numpy()[0]
        can = [
            c
            for c in self.vocabulary.characters
            if costs[self.vocabulary.encode(c)[0]] < NEVER
        ]
        line, column = before.count("\n") + 1, place - before.rfind("\n")
        raise ValueError(
            f"line {line}, column {column}: expected {_listed(can)}, came "
            f"{text[place]!r}"
        )

    def _written(self, tf: Any, state: Registers) -> Tensor:
        """What `_to_the_end` gives, of the tokens that a model may write."""
        may = tf.gather(self._tables.written, state.place)
        return tf.where(may, self._to_the_end(tf, state, written=True), NEVER)

    def _settled(self, tf: Any, state: Registers) -> _Settled:
        t, full = self._tables, state.full
        open_note = tf.gather(t.row_ticks, state.row)
        ticks = state.ticks - open_note
        last = tf.where(tf.gather(t.row_open, state.row), open_note, state.last)
        half, quarter = (tf.where(last % n == 0, last // n, BAD) for n in (2, 4))
        sums = tf.stack([ticks, open_note, half, quarter, full], axis=1)
        in_upbeat = tf.gather(t.in_upbeat, state.mode)
        ends, paid, may_owe, any_pickup, owed, empty = tf.unstack(
            tf.gather(t.bar_line, state.mode) > 0, axis=1
        )
        whole, begun = ticks == 0, (ticks > 0) & (ticks < full)
        short = begun & (ticks == state.pickup) & ~any_pickup
        settled = paid | (state.pickup == 0)
        owing = begun & settled & may_owe
        # A pickup as long as what the section before lacks is paid for.
        pickup = begun & (any_pickup | owed & (full - ticks == state.pickup))
        known = pickup & (full - ticks == state.pickup) & ~in_upbeat
        pipe = tf.where(pickup, NUMBER["pipe, pickup"], _NONE)
        pipe = tf.where(known, NUMBER["pipe, paid pickup"], pipe)
        pipe = tf.where(owing & ends, NUMBER["pipe, owing"], pipe)
        pipe = tf.where(short & ends, NUMBER["pipe, end"], pipe)
        plain = tf.where(settled & ends, NUMBER["pipe"], NUMBER["pipe, no end"])
        pipe = tf.where(whole, plain, pipe)
        pipe = tf.where(empty, NUMBER["pipe, empty"], pipe)
        colon = tf.where(owing, NUMBER["colon, owing"], _NONE)
        colon = tf.where(short, NUMBER["colon, short"], colon)
        colon = tf.where(whole & settled, NUMBER["colon"], colon)
        return _Settled(ticks, last, sums, pipe, colon)

    def _to_the_end(
        self, tf: Any, state: Registers, *, written: bool = False
    ) -> Tensor:
        """Characters to the end behind each token, `NEVER` or more where none: (B, V).

        They are those of one way to end, of which every step is allowed; often there
        is none that is shorter.
        """
        t = self._tables
        settled = self._settled(tf, state)
        costs = self._costs(tf, state, settled)
        if written:
            costs += tf.pad(tf.gather(t.unwritten, state.mode), [[0, 0], [0, 1]])
        # | and : stand for what the ticks make of them.
        decided = tf.stack([settled.pipe, settled.colon], axis=1)
        slots = tf.gather(costs, decided, batch_dims=1)
        costs = tf.concat([slots, costs], axis=1)
        cost = tf.gather(costs, tf.gather(t.action, state.place), batch_dims=1)
        cost += tf.gather(t.closing, state.place)
        # Behind a tie the same note comes.
        needed = tf.gather(t.tied, state.mode) * state.letter
        return tf.where(tf.gather(t.same_letter, needed), cost, NEVER)

    def _costs(self, tf: Any, state: Registers, settled: _Settled) -> Tensor:
        """The same behind each action, apart from what places need: (B, A + 1)."""
        t = self._tables
        mode = tf.gather(t.mode, state.mode)
        row = tf.gather(t.row, state.row)
        tail, stop, one_more = tf.unstack(tf.gather(t.mode_costs, state.mode), axis=1)
        counts, owed, tied, may_stop = tf.unstack(
            tf.gather(t.mode_pickup, state.mode), axis=1
        )
        full = tf.expand_dims(state.full, 1)
        ticks = tf.matmul(settled.sums, t.ticks)
        written = state.full - settled.ticks
        parts = tf.stack([state.pickup, written, settled.ticks], axis=1)
        after = tf.matmul(parts, _PICKUPS)
        pickup = after * counts
        # Only the tune's pickup pays for its last bar.
        unpaid = tf.not_equal(after, tf.expand_dims(state.tune_pickup, 1))
        stop += NEVER * may_stop * tf.cast(unpaid, tf.int32)
        first = tf.maximum(row, 0) * self._width + 1

        def fill(rows: Tensor, ticks: Tensor) -> Tensor:
            place = tf.clip_by_value(ticks, -1, self._width - 2)
            return tf.cast(tf.gather(t.cost.reshape(-1), rows + place), tf.int32)

        # The bar ends its section; or it is whole, or a pickup, and one more ends it.
        last = fill(first, ticks - pickup)
        last += NEVER * (owed + tied * tf.cast(ticks == pickup, tf.int32))
        more = fill(first, ticks - owed * (full - pickup)) + 1
        more += fill(1, full - pickup)
        cost = tf.minimum(tf.minimum(last, more) + tail, stop)
        cost += one_more * fill(1, full)
        cost = tf.where((mode < 0) | (row < 0), NEVER, cost)
        return tf.pad(cost, [[0, 0], [0, 1]], constant_values=NEVER)


# The pickup behind an action, as a sum of that before, of the bar that is written, and
# of what that lacks.
_PICKUPS = np.array([[1], [0], [0]], "int32").repeat(len(NAMES), axis=1)
_PICKUPS[:, NUMBER["pipe, pickup"]] = 0, 1, 0
for _name in ("pipe, owing", "colon, owing"):
    _PICKUPS[:, NUMBER[_name]] = 0, 0, 1


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
