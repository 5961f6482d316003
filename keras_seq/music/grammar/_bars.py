"""Sections, repeats and endings; slurs and ties: what may stand at a bar line.

A section is what a repeat, double bar or final bar line ends. It may begin with a
pickup, which is paid for where another bar is as much too short: its own last bar, as
the section is repeated; the last of the section before; the last of the tune, where it
is the tune's, which needs no payment besides. A section whose pickup is paid may end
with a whole bar, or with a shorter one that the next section's pickup must complete.
"""

from typing import NamedTuple

from keras_seq.music.grammar._actions import COLONS, NAMES, PIPES
from keras_seq.music.grammar._lengths import NEVER

# No note yet: of the tune; of a section; of one that may still become ::, and of one
# behind a field; where a pickup is owed.
EMPTY = ("tune", "section", "closed", "field", "owed")
# The first bar, with notes.
FIRST = ("tune's first", "first", "owed first")
# Behind it, the pickup paid or not.
LATER = ("paid", "later")
# Behind | : what comes may make it the end of a section, or must not.
PIPED = ("both, paid", "both", "bar, paid", "bar")
# The first two of them at a new line, where |: ends the section, too.
TURNED = ("turned, paid", "turned")
UPBEAT = "upbeat"  # behind the tune's pickup, where |: may follow
PICKED = ("picked, paid", "picked")  # behind another
OPENED = {"tune": "tune |", "section": "section |", "owed": "owed |"}
OPENED |= {"closed": "section |", "field": "section |"}
# Behind | , of which more must end the section; with a pickup owed.
ENDS = ("end", "owing end")
ENDED = ("end turned", "owing end turned")  # the same at a new line
_PIPED = (*PIPED, *TURNED)
BEGUN = (*PIPED[2:], *TURNED, *ENDED, UPBEAT, *PICKED)  # where a bar may begin anew
_ALL = (
    *EMPTY,
    *FIRST,
    *LATER,
    *_PIPED,
    UPBEAT,
    *PICKED,
    *OPENED.values(),
    *ENDS,
    *ENDED,
)

# No repeat sign; behind |: ; in the first ending of either; behind its :| , on the same
# line; on the next; behind a [ there; in the second ending.
REPEATS = ("", "open", "first ending", "2", "[2", "[", "second ending")
SLURS = 2

_BETWEEN = ("line", "gap", "of the line", "thicker", "reopen", "bracket")
_ENTERED = {
    "tune": "tune's first",
    "tune |": "tune's first",
    "section": "first",
    "closed": "first",
    "field": "first",
    "section |": "first",
    "owed": "owed first",
    "owed |": "owed first",
    "both, paid": "paid",
    "bar, paid": "paid",
    "turned, paid": "paid",
    "both": "later",
    "bar": "later",
    "turned": "later",
    UPBEAT: "paid",
    "picked, paid": "paid",
    "picked": "later",
}


class Mode(NamedTuple):
    """What is open.

    Args:
        phase: Where in its section the bar is.
        repeat: Which repeat signs wait for theirs.
        slurs: Slurs that are open.
        tie: 1 where the next note must be the last one, 2 where it just was.
        altered: Whether the bar has had an accidental: then a tie over the bar line
            might lead to another pitch.
        repeated: Whether a section has been repeated: then, for abc2midi, endings and
            `::` need a `|:` before.
    """

    phase: str
    repeat: str = ""
    slurs: int = 0
    tie: int = 0
    altered: bool = False
    repeated: bool = False

    @property
    def music(self) -> bool:
        """Whether the music has begun and isn't over."""
        return self.phase in _ALL

    @property
    def bound(self) -> bool:
        """Whether a slur or tie keeps the section from ending."""
        return self.slurs > 0 or self.tie == 1

    @property
    def waits(self) -> bool:
        """Whether nothing but the second ending may come."""
        return self.repeat in ("2", "[2", "[")

    def ends(self, *, colon: bool) -> bool:
        """Whether a section may end with `:|`, or with other lines, in this mode."""
        if self.bound or self.waits or self.phase not in (*FIRST[:2], *LATER):
            return False
        # abc2midi takes :: behind a second ending amiss: it ends otherwise.
        return self.repeat == "" or (self.repeat == "second ending") != colon

    def paid(self) -> bool:
        """Whether the section's pickup, if it has one, is paid for."""
        second = self.repeat == "second ending" and self.phase in LATER
        return second or self.phase in (*FIRST[:2], "paid")

    def may_owe(self) -> bool:
        """Whether the next section may pay for the last bar of this one."""
        return self.phase in LATER and self.repeat != "first ending"

    def stop(self) -> int:
        """Characters to the end of the music where no more bars are needed."""
        if self.waits:  # and || behind its bar; the place behind [ counts the 2
            return {"2": 1, "[2": 2, "[": 0}[self.repeat] + 2
        if self.bound or self.repeat not in ("", "second ending"):
            return NEVER
        if self.phase in ("section", "closed", "owed"):
            return 0
        if self.phase in ENDED:
            return 2
        return 1 if self.phase in (*PIPED[:2], *ENDS) else NEVER

    def tail(self) -> int:
        """Characters behind the bar that is being written."""
        if self.waits or self.phase in (ENDS[0], ENDED[0]):
            return NEVER
        if self.phase in (ENDS[1], ENDED[1]):  # the rest of || too
            return 3 + (self.phase in ENDED)
        # || or :| , and before that :|2 where the second ending must come.
        return self.slurs + (5 if self.repeat == "first ending" else 2)

    def owes(self) -> bool:
        """Whether the bar must be as short as the one before the section."""
        return self.phase.startswith("ow")

    def counts_pickup(self) -> bool:
        """Whether the last bar of the section is short by its pickup."""
        begun = self.phase in (*LATER, *_PIPED, UPBEAT, *PICKED) or self.owes()
        return begun and self.repeat in ("", "open", "first ending")

    def one_more_bar(self) -> bool:
        """Whether the second ending must still come."""
        return self.repeat == "first ending" or self.waits

    def keeps_pickup(self, action: str) -> bool:
        """Whether the pickup, or what is owed, still counts behind an action."""
        after = self.after(action)
        if after is None or not after.music:
            return False
        if self.phase in FIRST and action in ("pipe", "pipe, no end"):
            return False
        if self.phase == UPBEAT and action == "open":
            return False
        whole = action == "colon" or self.phase in (*PIPED[:2], *TURNED)
        return not (whole and after.phase in EMPTY)

    def after(self, action: str) -> "Mode | None":
        """The mode behind an action, None where it is not allowed."""
        if action in ("text", "meter", "begin"):
            return self._in_header(action)
        if action == "end":
            return Mode("over") if self.music and self.stop() == 0 else None
        if not self.music:
            return None
        if self.waits:
            return self._second_ending(action)
        if action in PIPES or action in COLONS:
            return self._bar_line(action)
        if self.phase in ENDS:
            return self._ending(action)
        if self.phase in ENDED:
            return None
        if self.phase in OPENED.values() and action in ("open", "double", *_BETWEEN):
            return self._opened(action)
        if action in ("double", "open", "first ending"):
            return self._behind_pipe(action)
        if action in _BETWEEN:
            return self._between_bars(action)
        if action == "field":
            free = self.phase in ("section", "closed", "field") and not self.bound
            return self._replace(phase="field") if free else None
        if action == "second ending":
            return None
        entered = self._replace(phase=_ENTERED.get(self.phase, self.phase))
        return entered._mark(action)

    def _ending(self, action: str) -> "Mode | None":
        phase = "section" if self.phase == "end" else "owed"
        if action == "line":
            return self._replace(phase=f"{self.phase} turned")
        if action not in ("double", "open"):
            return None
        return self._to(phase, "open" if action == "open" else "")

    def _in_header(self, action: str) -> "Mode | None":
        if self.phase != "header":
            return None
        return Mode("tune") if action == "begin" else self

    def _second_ending(self, action: str) -> "Mode | None":
        if action == "second ending":
            return self._replace(repeat="second ending")
        after = {
            ("2", "of the line"): "2",
            ("2", "line"): "[2",
            ("2", "gap"): "[2",
            ("2", "bracket"): "[",
            ("[2", "bracket"): "[",
            ("[2", "pipe, empty"): "2",
        }
        repeat = after.get((self.repeat, action))
        return self._replace(repeat=repeat) if repeat else None

    def _bar_line(self, action: str) -> "Mode | None":
        if action == "pipe, empty":
            return self._empty_bar()
        if action in COLONS:
            return self._colon(action) if self.ends(colon=True) else None
        if self.phase not in (*FIRST, *LATER):
            return None
        behind = self._replace(altered=False)
        if action in ("pipe, end", "pipe, owing"):
            free = self.ends(colon=False) and self.phase in LATER
            owing = action == "pipe, owing"
            return behind._replace(phase=ENDS[owing]) if free else None
        if action in ("pipe, pickup", "pipe, paid pickup"):
            return behind._pickup(action)
        if self.phase == "owed first":  # it must be short
            return None
        paid = self.phase in ("tune's first", "first", "paid")
        if action == "pipe":
            free = self.ends(colon=False)
            return behind._replace(phase=PIPED[not paid]) if free else None
        return behind._replace(phase=PIPED[2 + (not paid)])

    def _empty_bar(self) -> "Mode | None":
        if self.phase in BEGUN:  # at a line's start, once more
            kept = self.phase in (*TURNED, *ENDED)
            phase = self.phase if kept else self._plain()
            return self._replace(phase=phase.replace("end turned", "end"))
        opened = OPENED.get(self.phase)
        free = self.repeat in ("", "second ending") and not self.bound
        return self._replace(phase=opened) if opened and free else None

    def _pickup(self, action: str) -> "Mode | None":
        if self.phase == "tune's first":
            return self._replace(phase=UPBEAT) if action == "pipe, pickup" else None
        if self.phase in LATER:
            return None
        owed = self.phase == "owed first"
        if action == "pipe, paid pickup":
            return self._replace(phase=PICKED[0])
        return None if owed else self._replace(phase=PICKED[1])

    def _plain(self) -> str:
        """The phase behind a | of which nothing more can be made."""
        plain = {UPBEAT: PIPED[2], PICKED[0]: PIPED[2], PICKED[1]: PIPED[3]}
        plain |= dict(zip(TURNED, PIPED[2:], strict=True))
        return plain.get(self.phase, self.phase).replace("both", "bar")

    def _colon(self, action: str) -> "Mode | None":
        if action != "colon" and self.phase not in LATER:
            return None
        behind = self._replace(repeated=True)
        if action == "colon, owing":
            return behind._to("owed") if self.may_owe() else None
        if self.repeat == "first ending":
            return behind._to(self.phase, "2")
        return behind._to("closed" if self._opened_well() else "section")

    def written(self, action: str) -> bool:
        """Whether a model may write what an action stands for; people may."""
        if action == "line":
            # Across a line `validate` joins a pickup with a short bar behind it.
            return self.phase not in (UPBEAT, *PICKED, *ENDS)
        if action == "open":  # behind a short bar: abc2midi warns
            return self.phase not in ENDS
        if action == "double":
            return self.phase not in TURNED
        if action == "gap":  # nothing but a chord may come behind it
            return self.repeat != "open"
        return action != "first ending" or self._opened_well()

    def _opened_well(self) -> bool:
        """Whether abc2midi knows where the repeat begins."""
        return self.repeat == "open" or not self.repeated

    def _to(self, phase: str, repeat: str = "") -> "Mode":
        """Another phase, in which nothing is open but the repeat."""
        return Mode(phase, repeat, repeated=self.repeated)

    def _opened(self, action: str) -> "Mode | None":
        phase = self.phase.removesuffix(" |")
        if action == "double":  # at the start of a line, once more
            return self._to(phase.replace("section", "field"))
        return self._to(phase, "open") if action == "open" else None

    def _behind_pipe(self, action: str) -> "Mode | None":
        if self.bound:
            return None
        if action == "first ending":
            free = self.phase in _PIPED and self.repeat in ("", "open")
            return self._to(_ENTERED[self.phase], "first ending") if free else None
        if self.phase == UPBEAT and action == "open":
            return self._to("section", "open")
        if self.phase not in (*PIPED[:2], *TURNED):
            return None
        return self._to("section", "open" if action == "open" else "")

    def _between_bars(self, action: str) -> "Mode | None":
        if action == "reopen":
            return self._to("section", "open") if self.phase == "closed" else None
        if action == "of the line":
            return self if self.phase in EMPTY else None
        if action == "bracket":
            if self.tie == 1:
                return None
            kept = self.phase in (*_PIPED, *PICKED)
            phase = self._plain() if kept else _ENTERED.get(self.phase)
        elif action == "thicker":
            phase = {"closed": "section"}.get(self.phase, self.phase)
            phase = phase if phase in ("section", "owed") else None
        elif action == "line" and self.phase in (*PIPED[:2], *TURNED):
            phase = self.phase.replace("both", "turned")
        elif self.phase in (*_PIPED, UPBEAT, *PICKED):
            phase = self._plain()
        elif action == "gap":  # something must come
            phase = "field" if self.phase in ("section", "closed") else None
        else:
            phase = self.phase.replace("closed", "section")
            phase = phase if phase in EMPTY else None
        if phase is None:
            return None
        return self._replace(phase=phase)

    def _mark(self, action: str) -> "Mode | None":
        """What notes and what joins them change, within a bar."""
        match action:
            case "note":
                return self._replace(tie=2 if self.tie == 1 else 0)
            case "rest" | "chord":
                return self._replace(tie=0) if self.tie != 1 else None
            case "before free note" | "before sign" | "sign":
                return self if self.tie != 1 else None
            case "octave":
                return self if self.tie == 0 else None
            case "tie":
                return self._replace(tie=1) if not self.altered else None
            case "accidental" | "accidental within":
                return self._replace(altered=True) if self.tie != 1 else None
            case "slur":
                free = self.slurs < SLURS
                return self._replace(slurs=self.slurs + 1) if free else None
            case "end of slur":
                return self._replace(slurs=self.slurs - 1) if self.slurs else None
        if action.startswith("tuplet"):  # its ( was taken for a slur
            return self._replace(slurs=self.slurs - 1) if self.slurs else None
        # Lengths, marks of rhythm, what stands before a note.
        return self


def modes() -> list[Mode]:
    """All modes: that of the header, those of the music, that behind it."""
    found = dict.fromkeys([Mode("header"), Mode("over"), Mode("tune")])
    waiting = [Mode("tune")]
    for mode in waiting:
        for action in NAMES:
            after = mode.after(action)
            if after and after not in found:
                found[after] = None
                waiting.append(after)
    return list(found)
