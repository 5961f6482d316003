"""The machine beside the model: integer registers, stepped by tables in the graph."""

from typing import Any, NamedTuple

import numpy as np

from keras_seq.extras import require
from keras_seq.music.grammar._actions import NAMES, NUMBER
from keras_seq.music.grammar._lengths import BAD, NEVER
from keras_seq.music.grammar._tables import SLOTS, Tables
from keras_seq.typing import Tensor

NONE = len(NAMES)  # no action


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


class Settled(NamedTuple):
    """What follows from the registers, whatever comes next; (B,) or (B, 5)."""

    ticks: Tensor  # what the bar lacks behind the open note
    last: Tensor
    sums: Tensor  # (B, 5): the registers that `Ticks` adds up
    pipe: Tensor  # which action a | is
    colon: Tensor  # which a :


# The pickup behind an action, as a sum of that before, of the bar that is written, and
# of what that lacks.
PICKUPS = np.array([[1], [0], [0]], "int32").repeat(len(NAMES), axis=1)
PICKUPS[:, NUMBER["pipe, pickup"]] = 0, 1, 0
for _name in ("pipe, owing", "colon, owing"):
    PICKUPS[:, NUMBER[_name]] = 0, 0, 1


class Machine:
    """What a token makes of the registers, and how far the end is then.

    Args:
        tables: The `Tables` of a vocabulary.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._width = tables.cost.shape[1]
        self.size = tables.action.shape[1]

    def first(self, like: Tensor, left: int | Tensor) -> Registers:
        """The registers before the first token.

        Args:
            like: Tensor of shape (B,).
            left: Tokens that may be written.
        """
        tf = require("tensorflow", "text")
        nothing = tf.zeros_like(tf.cast(like, tf.int32))
        return Registers(*(nothing,) * 9, nothing + left)

    def step(self, state: Registers, tokens: Tensor) -> Registers:
        """The registers behind a token of each row."""
        tf = require("tensorflow", "text")
        settled = self.settled(tf, state)
        action = self.action_of(tf, state, tokens, settled)
        return self.after(tf, state, tokens, settled, action)

    def action_of(
        self, tf: Any, state: Registers, tokens: Tensor, settled: "Settled"
    ) -> Tensor:
        """The action of a token of each row; 0 where there is none."""
        slot = tf.gather_nd(
            self._tables.action, tf.stack([state.place, tokens], axis=1)
        )
        action = tf.where(slot < SLOTS, settled.colon, slot - SLOTS)
        action = tf.where(slot == 0, settled.pipe, action)
        return tf.where(action < NONE, action, 0)

    def after(
        self,
        tf: Any,
        state: Registers,
        tokens: Tensor,
        settled: "Settled",
        action: Tensor,
    ) -> Registers:
        """The registers behind a token of each row, and its action."""
        t = self._tables
        at = tf.stack([state.place, tokens], axis=1)
        of_mode = tf.stack([state.mode, action], axis=1)
        mode = tf.maximum(tf.gather_nd(t.mode, of_mode), 0)
        row = tf.gather_nd(t.row, tf.stack([state.row, action], axis=1))
        sums = tf.gather(t.ticks.T, action)
        ticks = tf.reduce_sum(settled.sums * sums, axis=1)
        written = state.full - settled.ticks
        is_pickup = action == NUMBER["pipe, pickup"]
        parts = tf.stack([state.pickup, written, settled.ticks], axis=1)
        pickup = tf.reduce_sum(parts * tf.gather(PICKUPS.T, action), axis=1)
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

    def to_the_end(self, state: Registers, *, written: bool = False) -> Tensor:
        """Characters to the end behind each token, `NEVER` or more where none: (B, V).

        They are those of one way to end, of which every step is allowed; often there
        is none that is shorter.

        Args:
            state: The registers.
            written: Whether only what a model may write counts.
        """
        tf, t = require("tensorflow", "text"), self._tables
        settled = self.settled(tf, state)
        costs = self._costs(tf, state, settled, written)
        # | and : stand for what the ticks make of them.
        decided = tf.stack([settled.pipe, settled.colon], axis=1)
        slots = tf.gather(costs, decided, batch_dims=1)
        costs = tf.concat([slots, costs], axis=1)
        cost = tf.gather(costs, tf.gather(t.action, state.place), batch_dims=1)
        cost += tf.gather(t.written_closing if written else t.closing, state.place)
        # Behind a tie the same note comes.
        needed = tf.gather(t.tied, state.mode) * state.letter
        return tf.where(tf.gather(t.same_letter, needed), cost, NEVER)

    def settled(self, tf: Any, state: Registers) -> Settled:
        t, full = self._tables, state.full
        open_note = tf.gather(t.row_ticks, state.row)
        ticks = state.ticks - open_note
        last = tf.where(tf.gather(t.row_open, state.row), open_note, state.last)
        half, quarter = (tf.where(last % n == 0, last // n, BAD) for n in (2, 4))
        sums = tf.stack([ticks, open_note, half, quarter, full], axis=1)
        in_upbeat = tf.gather(t.in_upbeat, state.mode)
        ends, paid, may_owe, any_pickup, owed, empty, again = tf.unstack(
            tf.gather(t.bar_line, state.mode) > 0, axis=1
        )
        whole, begun = ticks == 0, (ticks > 0) & (ticks < full)
        short = begun & (ticks == state.pickup) & ~any_pickup & ~again
        clear = paid | (state.pickup == 0)
        owing = begun & clear & may_owe
        # A pickup as long as what the section before lacks is paid for.
        pickup = begun & (any_pickup | owed & (full - ticks == state.pickup))
        known = pickup & (full - ticks == state.pickup) & ~in_upbeat
        pipe = tf.where(pickup, NUMBER["pipe, pickup"], NONE)
        pipe = tf.where(known, NUMBER["pipe, paid pickup"], pipe)
        pipe = tf.where(owing & ends, NUMBER["pipe, owing"], pipe)
        pipe = tf.where(short & ends, NUMBER["pipe, end"], pipe)
        plain = tf.where(clear & ends, NUMBER["pipe"], NUMBER["pipe, no end"])
        pipe = tf.where(whole, plain, pipe)
        pipe = tf.where(empty, NUMBER["pipe, empty"], pipe)
        colon = tf.where(owing, NUMBER["colon, owing"], NONE)
        colon = tf.where(short, NUMBER["colon, short"], colon)
        colon = tf.where(whole & clear, NUMBER["colon"], colon)
        return Settled(ticks, last, sums, pipe, colon)

    def _costs(
        self, tf: Any, state: Registers, settled: Settled, written: bool
    ) -> Tensor:
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
        filled = state.full - settled.ticks
        parts = tf.stack([state.pickup, filled, settled.ticks], axis=1)
        after = tf.matmul(parts, PICKUPS)
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
        if written:
            cost += tf.gather(t.unwritten, state.mode)
        return tf.pad(cost, [[0, 0], [0, 1]], constant_values=NEVER)
