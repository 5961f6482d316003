"""The machine that obeys requests: the grammar's, with registers of its own beside."""

from typing import Any

import numpy as np

from keras_seq.extras import require
from keras_seq.music.grammar._actions import NAMES, NUMBER
from keras_seq.music.grammar._asked_state import NO_ACCIDENTAL, Asked, Heard, State
from keras_seq.music.grammar._asked_tables import ACCIDENTAL, GRACE, NOTE, OCTAVE
from keras_seq.music.grammar._asked_ways import Ways
from keras_seq.music.grammar._lengths import NEVER
from keras_seq.music.grammar._machine import NONE
from keras_seq.music.grammar._tables import SLOTS
from keras_seq.music.request import MOST_SECTIONS
from keras_seq.typing import Tensor

_BAR_LINES = np.array([name.startswith(("pipe", "colon")) for name in NAMES], "bool")


class AskedMachine(Ways):
    """What a token makes of the registers, and how far the end is then."""

    def begin(self, asked: Asked, left: int | Tensor) -> State:
        """The state before the first token."""
        tf = require("tensorflow", "text")
        asked = Asked(*(tf.convert_to_tensor(each, tf.int32) for each in asked))
        no = tf.zeros_like(asked.low)
        letters = tf.zeros([tf.shape(no)[0], 7], tf.int32)
        heard = Heard(*(no,) * 4, *(letters,) * 3, no + NO_ACCIDENTAL, *(no,) * 6)
        return State(self.first(no, left), heard, asked)

    def step_asked(self, state: State, tokens: Tensor) -> State:
        """The state behind a token of each row."""
        tf, t = require("tensorflow", "text"), self._asked
        registers, heard, asked = state
        settled = self._settled_asked(tf, state)
        action = self.action_of(tf, registers, tokens, settled)
        of_mode = tf.stack([registers.mode, action], axis=1)
        bar, pickup, section = (
            tf.gather_nd(each, of_mode) for each in (t.bar, t.pickup, t.section)
        )
        written = registers.full - settled.ticks
        own = tf.where(pickup > 0, written, heard.pickup)
        kind = tf.gather_nd(t.kind, tf.stack([registers.place, tokens], axis=1))
        need = tf.gather(self._needs(tf, state), tokens, batch_dims=1)
        after = self.after(tf, registers, tokens, settled, action)
        tonic = tf.gather(t.tonic, after.place)
        of_key = tf.where(tonic >= 0, tonic, heard.of_key)
        begin = action == NUMBER["begin"]
        mode = tf.gather(t.key_mode, registers.place)
        key = tf.gather_nd(t.alterations, tf.stack([heard.of_key, mode], axis=1))
        key = tf.where(begin[:, None], key, heard.key)
        flat, sharp = self._altered(tf, heard, tokens, kind)
        fresh = (begin | tf.gather(_BAR_LINES, action))[:, None]
        bottom, top = self._bounds(tf, heard)
        bottom, top, inside = (
            tf.gather(each, tokens, batch_dims=1)
            for each in (bottom, top, self._inside(tf, state))
        )
        is_note = (kind > 0) & (kind <= GRACE)
        sign = tf.where(is_note, NO_ACCIDENTAL, heard.sign)
        alters = tf.gather(t.alters, tokens)
        double = tf.where(heard.sign == alters, 2 * alters, alters)
        moved = Heard(
            section=tf.minimum(heard.section + section, MOST_SECTIONS),
            bar=tf.where(section > 0, 0, heard.bar + bar),
            pickup=tf.where(section > 0, 0, own),
            pickups=tf.where((pickup > 0) & (heard.section == 0), own, heard.pickups),
            key=key,
            flat=tf.where(fresh, key, flat),
            sharp=tf.where(fresh, key, sharp),
            sign=tf.where(kind == ACCIDENTAL, double, sign),
            must_mark=tf.cast(is_note & ~inside, tf.int32),
            bottom=tf.where(is_note, bottom, heard.bottom),
            top=tf.where(is_note, top, heard.top),
            of_key=of_key,
            need=need,
            far=tf.where(begin, self._far(tf, asked, key, of_key), heard.far),
        )
        return State(after, moved, asked)

    def costs_asked(self, state: State, *, written: bool = False) -> Tensor:
        """Characters to the end behind each token, as `to_the_end`: (B, V)."""
        tf, t = require("tensorflow", "text"), self._tables
        registers = state.registers
        settled = self._settled_asked(tf, state)
        costs, open_ = self._ways(tf, state, settled, written)
        decided = tf.stack([settled.pipe, settled.colon], axis=1)
        slots = tf.gather(t.action, registers.place)  # (B, V)
        action = tf.where(slots < SLOTS, settled.colon[:, None], slots - SLOTS)
        action = tf.where(slots == 0, decided[:, :1], action)
        need = self._needs(tf, state)
        cost = tf.gather(costs, need * (NONE + 1) + action, batch_dims=1)
        cost += tf.gather(t.written_closing if written else t.closing, registers.place)
        place = tf.gather(t.place, registers.place)
        opening = tf.gather(open_, action, batch_dims=1)
        cost += opening * tf.gather(self._asked.reach, place)
        needed = tf.gather(t.tied, registers.mode) * registers.letter
        cost = tf.where(tf.gather(t.same_letter, needed), cost, NEVER)
        return self._in_range(tf, state, cost, written)

    def _needs(self, tf: Any, state: State) -> Tensor:
        """Notes that must come behind each token, where it is the last bar: (B, V)."""
        t = self._asked
        registers, heard, asked = state
        kind = tf.gather(t.kind, registers.place)
        letter, alters = tf.unstack(tf.gather(t.tonics, heard.of_key), axis=1)
        bottom, top = self._bounds(tf, heard, plain=True)
        same = (t.letter == letter[:, None]) & (bottom == alters[:, None])
        is_tonic = same & (top == alters[:, None])
        need = tf.where(is_tonic, 0, 1)
        need = tf.where(kind == NOTE, need, heard.need[:, None])
        first = tf.gather(self._tables.action, registers.place) - SLOTS
        is_chord = first == NUMBER["chord"]
        need = tf.where(is_chord, 1, need)
        need = tf.where(first == NUMBER["begin"], 1, need)
        place = tf.gather(self._tables.place, registers.place)
        need = tf.maximum(need, tf.gather(t.needs, place))
        tie = (first == NUMBER["tie"]) & (heard.need[:, None] > 0)
        return tf.where(tie, 2, need) * asked.tonic[:, None]

    def _bounds(
        self, tf: Any, heard: Heard, *, plain: bool = False
    ) -> tuple[Tensor, Tensor]:
        """What each letter may mean, at least and at most, as MIDI notes: (B, V).

        Args:
            tf: TensorFlow.
            heard: What is known.
            plain: Without the pitch of the letter: the semitones that alter it.
        """
        t = self._asked
        found = []
        for each in (heard.flat, heard.sharp):
            alters = tf.gather(each, t.letter, axis=1)
            signed = (heard.sign != NO_ACCIDENTAL)[:, None]
            alters = tf.where(signed, heard.sign[:, None], alters)
            found.append(alters if plain else alters + t.pitch)
        return found[0], found[1]

    def _altered(
        self, tf: Any, heard: Heard, tokens: Tensor, kind: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What letters may mean behind a token."""
        signed = (heard.sign != NO_ACCIDENTAL) & (kind > 0) & (kind <= GRACE)
        letter = tf.gather(self._asked.letter, tokens)
        here = signed[:, None] & (tf.range(7) == letter[:, None])
        sign = heard.sign[:, None]
        return (
            tf.where(here, tf.minimum(heard.flat, sign), heard.flat),
            tf.where(here, tf.maximum(heard.sharp, sign), heard.sharp),
        )

    def _inside(self, tf: Any, state: State) -> Tensor:
        """Whether each letter is in the range as it stands: (B, V)."""
        bottom, top = self._bounds(tf, state.heard)
        low, high = state.asked.low[:, None], state.asked.high[:, None]
        return (bottom >= low) & (top <= high)

    def _in_range(self, tf: Any, state: State, cost: Tensor, written: bool) -> Tensor:
        """Costs without the tokens whose notes are out of the range."""
        t = self._asked
        registers, heard, asked = state
        low, high = asked.low[:, None], asked.high[:, None]
        kind = tf.gather(t.kind, registers.place)
        letter = (kind > 0) & (kind <= GRACE)
        bottom, top = self._bounds(tf, heard)
        inside = self._inside(tf, state)
        marked = (bottom + t.marked >= low) & (top + t.marked <= high) & (t.marked != 0)
        tied = tf.gather(self._tables.tied, registers.mode)[:, None] > 0
        marked &= ~tied
        cost += tf.cast(letter & ~inside, tf.int32)
        wrong = letter & ~inside & ~marked
        mark = t.mark
        fits = (heard.bottom[:, None] + mark >= low) & (
            heard.top[:, None] + mark <= high
        )
        octave = kind == OCTAVE
        wrong |= octave & ~fits
        wrong |= ~octave & (heard.must_mark[:, None] > 0)
        if written:
            # The tonic keeps its pitch in what may be the last bar.
            number, alters = tf.unstack(tf.gather(t.tonics, heard.of_key), axis=1)
            foreign = (heard.sign != NO_ACCIDENTAL) & (heard.sign != alters)
            bars = tf.gather(asked.bars, heard.section, batch_dims=1)
            later = tf.gather(asked.later, heard.section, batch_dims=1)
            last = (later == 0) & ((bars - heard.bar == 1) | (asked.sections == 0))
            held = (asked.tonic > 0) & foreign & last
            wrong |= letter & held[:, None] & (t.letter == number[:, None])
        return tf.where(wrong, NEVER, cost)

    def _far(self, tf: Any, asked: Asked, key: Tensor, of_key: Tensor) -> Tensor:
        """Characters of the mark that every tonic in the range has: (B,)."""
        t = self._asked
        number = tf.gather(t.tonics, of_key)[:, :1]
        alters = tf.gather(key, number[:, 0], batch_dims=1)[:, None]
        low, high = asked.low[:, None], asked.high[:, None]
        same = (t.letter == number) & (t.pitch > 0)
        far = asked.tonic * NEVER
        for mark, cost in ((t.marked, 1), (np.zeros_like(t.marked), 0)):
            pitch = t.pitch + alters + mark
            fits = same & (pitch >= low) & (pitch <= high) & ((mark != 0) | (cost == 0))
            there = tf.reduce_any(fits, axis=1)
            far = tf.where(there, cost * asked.tonic, far)
        return far
