"""The ways to the end of a tune of which something is asked, and what they cost.

They count what is asked in: the bars and sections that are to come, and how many notes
must still come so that the last is the tonic.
"""

from typing import Any

import numpy as np

from keras_seq.music.grammar._actions import NAMES, NUMBER
from keras_seq.music.grammar._asked_state import State
from keras_seq.music.grammar._asked_tables import (
    BEGUN,
    CLOSING,
    FRESH,
    GOING,
    NEEDS,
    NOWHERE,
    OWING,
    AskedTables,
)
from keras_seq.music.grammar._lengths import NEVER, TICKS
from keras_seq.music.grammar._machine import NONE, PICKUPS, Machine, Settled
from keras_seq.music.grammar._tables import Tables
from keras_seq.music.request import MOST_SECTIONS
from keras_seq.typing import Tensor

# A text may become a sign, which sends the player elsewhere.
_NOT_WRITTEN = NEVER * np.isin(NAMES, ["before sign"]).astype("int32")
_NOT_READ = NEVER * np.isin(NAMES, ["sign", "field"]).astype("int32")
# Characters that end a section, and those that may begin the next.
_CLOSE, _OPEN = 2, 3


class Ways(Machine):
    """How far the end is behind each action.

    Args:
        tables: The `Tables` of a vocabulary.
        asked: Its `AskedTables`.
    """

    def __init__(self, tables: Tables, asked: AskedTables) -> None:
        super().__init__(tables)
        self._asked = asked
        self._rows = tables.cost.size

    def _settled_asked(self, tf: Any, state: State) -> Settled:
        """Where there is a form, it decides what a bar line is."""
        t = self._asked
        registers, heard, asked = state
        plain = self.settled(tf, registers)
        zone = tf.gather(t.zone, registers.mode)
        bars, twice = (
            tf.gather(each, heard.section, batch_dims=1)
            for each in (asked.bars, asked.twice)
        )
        ticks, full = plain.ticks, registers.full
        first, begun = zone == BEGUN, (plain.ticks > 0) & (plain.ticks < full)
        opening = heard.section == 0
        pickup = tf.where(opening, asked.pickup != 0, full - ticks == heard.pickups)
        pickup &= first & begun
        whole = tf.where(opening, asked.pickup != 1, heard.pickups == 0) | ~first
        last = heard.bar + 1 == bars
        inner = whole & (ticks == 0) & ~last
        ends = whole & (ticks == heard.pickup) & last
        short = heard.pickup > 0
        pipe = tf.where(pickup, NUMBER["pipe, pickup"], NONE)
        pipe = tf.where(inner, NUMBER["pipe, no end"], pipe)
        end = tf.where(short, NUMBER["pipe, end"], NUMBER["pipe"])
        pipe = tf.where(ends & (twice == 0), end, pipe)
        empty = tf.gather(self._tables.bar_line, registers.mode)[:, 5] > 0
        pipe = tf.where(empty, NUMBER["pipe, empty"], pipe)
        end = tf.where(short, NUMBER["colon, short"], NUMBER["colon"])
        colon = tf.where(ends & (twice > 0), end, NONE)
        form = asked.sections > 0
        return plain._replace(
            pipe=tf.where(form, pipe, plain.pipe),
            colon=tf.where(form, colon, plain.colon),
        )

    def _ways(
        self, tf: Any, state: State, settled: Settled, written: bool
    ) -> tuple[Tensor, Tensor]:
        """Costs behind each action for each need, (B, NEEDS (A + 1)), and whether a
        repeat must still begin, (B, A + 1).
        """
        t, u = self._tables, self._asked
        registers, heard, asked = state
        mode = tf.gather(t.mode, registers.mode)
        row = tf.gather(t.row, registers.row)
        tail, stop, one_more = tf.unstack(
            tf.gather(t.mode_costs, registers.mode), axis=1
        )
        ticks = tf.matmul(settled.sums, t.ticks)
        known = tf.maximum(mode, 0)
        zone = tf.gather(u.zone, known)
        bar_line = tf.gather(u.bar + u.pickup, registers.mode) > 0
        same_bar = tf.cast(~(bar_line | (_named("begin") > 0)), tf.int32)
        # The tonic has been altered in this bar: what a plain one means is not sure.
        letter, alters = tf.unstack(tf.gather(u.tonics, heard.of_key), axis=1)
        flat, sharp = (
            tf.gather(each, letter, batch_dims=1) for each in (heard.flat, heard.sharp)
        )
        unclear = tf.cast((flat != alters) | (sharp != alters), tf.int32)
        unclear = (unclear * asked.tonic)[:, None] * same_bar * NEVER
        first = tf.maximum(row, 0) * self._width + 1

        # The last note has a unit length at least, where the bars have two.
        long = tf.cast(registers.full >= 2 * TICKS, tf.int32) * asked.tonic
        long = long[:, None]

        # Once: an array that is looked up becomes a constant each time, of megabytes.
        costs_of_rows = tf.constant(u.fill)

        def fill(rows: Any, ticks: Tensor, need: int = 0) -> Tensor:
            place = tf.clip_by_value(ticks, -1, self._width - 2)
            table = need + NEEDS * long if need else 0
            return tf.gather(costs_of_rows, rows + place + table * self._rows)

        def ends(rows: Tensor, ticks: Tensor, need: int) -> Tensor:
            """The bar is the last: its last note is there, or must still come."""
            far = heard.far[:, None] + unclear
            if need:
                return fill(rows, ticks, need) + far
            return tf.minimum(fill(rows, ticks, NEEDS), fill(rows, ticks, 1) + far)

        free = self._free(
            tf, state, settled, ticks, tail, stop, one_more, known, first, fill, ends
        )
        formed, open_ = self._formed(
            tf, state, settled, ticks, tail, stop, known, zone, first, fill, ends
        )
        form = (asked.sections > 0)[:, None]
        never = (mode < 0) | (row < 0)
        costs = []
        for plain, asked_for in zip(free, formed, strict=True):
            cost = tf.where(form, asked_for, plain)
            cost = tf.where(never, NEVER, cost) + _NOT_READ
            if written:
                cost += tf.gather(t.unwritten, registers.mode) + _NOT_WRITTEN
            costs.append(tf.pad(cost, [[0, 0], [0, 1]], constant_values=NEVER))
        return tf.concat(costs, axis=1), tf.pad(open_, [[0, 0], [0, 1]])

    def _free(
        self,
        tf: Any,
        state: State,
        settled: Settled,
        ticks: Tensor,
        tail: Tensor,
        stop: Tensor,
        one_more: Tensor,
        known: Tensor,
        first: Tensor,
        fill: Any,
        ends: Any,
    ) -> list[Tensor]:
        """Costs where no form is asked, as those of the grammar."""
        t, u = self._tables, self._asked
        registers, heard, asked = state
        counts, owed, tied, may_stop = tf.unstack(
            tf.gather(t.mode_pickup, registers.mode), axis=1
        )
        full = registers.full[:, None]
        filled = registers.full - settled.ticks
        parts = tf.stack([registers.pickup, filled, settled.ticks], axis=1)
        after = tf.matmul(parts, PICKUPS)
        pickup = after * counts
        unpaid = tf.not_equal(after, registers.tune_pickup[:, None])
        stop += NEVER * may_stop * tf.cast(unpaid, tf.int32)
        waits = tf.gather(u.waits, known)
        slow = tf.gather(u.slow_end, known)
        last_bar = tf.not_equal(one_more, 1)
        whole = fill(1, full, 1)
        far = heard.far[:, None]
        found = []
        for need in range(NEEDS):
            last = tf.where(
                last_bar,
                ends(first, ticks - pickup, need),
                fill(first, ticks - pickup) + far,
            )
            last += NEVER * (owed + tied * tf.cast(ticks == pickup, tf.int32))
            missing = ticks - owed * (full - pickup)
            more = fill(first, missing) + 1 + far
            behind = tf.where(
                missing == 0,
                fill(1, full - pickup, max(need, 1)),
                fill(1, full - pickup, 1),
            )
            more += tf.where(last_bar, behind, fill(1, full - pickup))
            until = stop
            if need:
                # Another section may be the last.
                another = tf.where(slow > 0, stop + whole + 2 + far, NEVER)
                until = tf.where(waits > 0, stop + far, another)
            cost = tf.minimum(tf.minimum(last, more) + tail, until)
            cost += one_more * whole + asked.tonic[:, None] * _named("begin")
            found.append(cost + self._header(tf, state))
        return found

    def _formed(
        self,
        tf: Any,
        state: State,
        settled: Settled,
        ticks: Tensor,
        tail: Tensor,
        stop: Tensor,
        known: Tensor,
        zone: Tensor,
        first: Tensor,
        fill: Any,
        ends: Any,
    ) -> tuple[list[Tensor], Tensor]:
        """Costs where a form is asked, and where a repeat must still begin."""
        t, u = self._tables, self._asked
        registers, heard, asked = state
        full = registers.full[:, None]  # (B, 1)
        bar, pickup, section, banned = (
            tf.gather(each, registers.mode)
            for each in (u.bar, u.pickup, u.section, u.banned)
        )
        turned = section > 0

        def of_section(values: Tensor) -> Tensor:
            now, then = (
                tf.gather(
                    values, tf.minimum(heard.section + i, MOST_SECTIONS), batch_dims=1
                )[:, None]
                for i in range(2)
            )
            return tf.where(turned, then, now)

        bars, twice, bars_later, later = map(
            of_section, (asked.bars, asked.twice, asked.bars_later, asked.later)
        )
        number = heard.section[:, None] + section
        over = number >= asked.sections[:, None]
        final = later == 0
        done = tf.where(turned, 0, heard.bar[:, None] + bar)
        written = (registers.full - settled.ticks)[:, None]
        own = tf.where(pickup > 0, written, heard.pickup[:, None])
        own = tf.where(turned, 0, own)
        # The pickups that may be chosen where none has been yet.
        choices = self._choices(tf, registers.full)
        chosen = (
            (heard.section > 0)
            | (tf.gather(u.zone, registers.mode) >= GOING)
            | (asked.pickup != 1)
        )
        whole = fill(1, full, 1) + 1
        last_short = [fill(1, full - own, need) for need in (1, 1, 2)]
        tied = tf.gather(t.mode_pickup, registers.mode)[:, 2]
        tied *= NEVER * tf.cast(ticks == own, tf.int32)
        far = heard.far[:, None]
        left = bars - done  # bars, this one counted
        at_start = (zone == FRESH) | (zone == BEGUN)
        costs: list[Tensor] = [None] * NEEDS
        for choice in choices:
            choice = tf.where(chosen, heard.pickups, choice)[:, None]
            choice = tf.where(pickup > 0, written, choice)
            rest = fill(1, full - choice, 1)
            # What a pickup costs a section: its own bar, and a shorter last one.
            dear = tf.where(choice > 0, fill(1, choice) + 1 + rest + 1 - whole, 0)
            suffix = bars_later * whole + later * (dear + _CLOSE + _OPEN - 1)
            begun = fill(first, ticks - (full - choice)) + 1 + (bars - 1) * whole
            for need in range(NEEDS):
                now = fill(first, ticks - own) + far
                now = tf.where(final, ends(first, ticks - own, need), now) + tied
                over_line = final & (left == 2) & (ticks == 0)
                next_ = tf.where(over_line, last_short[need], last_short[0])
                more = fill(first, ticks) + 1 + (left - 2) * whole + next_ + far
                cost = tf.where(left == 1, now, more)
                cost = tf.where(left < 1, NEVER, cost)
                alone = final & (bars == 1) & (ticks == full - choice)
                nearest = (
                    tf.where(alone, fill(1, full - choice, max(need, 1)), rest) + far
                )
                cost = tf.where(at_start & (choice > 0), begun + nearest, cost)
                cost += tail
                closing = stop + tf.where(final, NEVER * min(need, 1), far)
                closing = tf.where(left == 0, closing, NEVER)
                cost = tf.where(zone == CLOSING, closing, cost) + suffix
                cost = tf.where(over, stop + NEVER * min(need, 1), cost)
                before = costs[need]
                costs[need] = cost if before is None else tf.minimum(before, cost)
        opens = _named("open", "reopen")
        needs_sign = (twice > 0) & (tf.gather(u.unopened, known) > 0)
        needs_sign &= ~((number == 0) & (asked.free_start[:, None] > 0))
        wrong = (zone == BEGUN) & needs_sign
        wrong |= (opens > 0) & ((twice == 0) | over)
        wrong |= over & (zone != FRESH) & (zone != NOWHERE)
        wrong |= zone == OWING
        banned += NEVER * tf.cast(wrong, tf.int32)
        header = self._header(tf, state)
        in_music = ~_named("text", "meter", "end").astype(bool)
        end = NEVER * _named("end") * tf.cast(~over, tf.int32)
        begin = asked.tonic[:, None] * _named("begin")
        found = [
            tf.where(in_music, cost + begin + banned, end + header) for cost in costs
        ]
        # Behind a note that isn't the tonic there is no end.
        found[1:] = [cost + NEVER * _named("end") for cost in found[1:]]
        open_ = tf.cast((zone == FRESH) & needs_sign & ~over, tf.int32)
        return found, open_

    def _choices(self, tf: Any, full: Tensor) -> tuple[Tensor, ...]:
        """Pickups that a model may come back to: of one and two unit lengths."""
        small = tf.where(full > TICKS // 2, TICKS // 2, TICKS // 4)
        one = tf.where(full > TICKS, TICKS, small)
        return one * 1, tf.where(full > 2 * TICKS, 2 * TICKS, one)

    def _header(self, tf: Any, state: State) -> Tensor:
        """Characters that the music needs more than in a tune of one bar, at most."""
        asked = state.asked
        bars = asked.bars[:, 0] + asked.bars_later[:, 0]
        section = 2 * (self._asked.longest_part + 1) + _CLOSE + _OPEN
        more = bars * (self._asked.longest + 1) + asked.sections * section
        more += 9 * asked.tonic
        return more[:, None] * _named("text", "meter")


def _named(*names: str) -> np.ndarray:
    """(A,): where these actions stand."""
    return np.isin(NAMES, names).astype("int32")
