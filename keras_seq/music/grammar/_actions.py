"""What a character may do to the registers, beside moving to the next place."""

from typing import NamedTuple

from keras_seq.music.grammar._lengths import BROKEN, LENGTHS, TUPLETS, prefixes


class Ticks(NamedTuple):
    """The ticks left of the bar, as a sum of registers.

    Args:
        left: What is left behind the notes that are whole.
        open: Ticks of the open note, which is given back while it grows.
        half: Half of the last note.
        quarter: A quarter of it.
        full: A whole bar.
    """

    left: int = 1
    open: int = 0
    half: int = 0
    quarter: int = 0
    full: int = 0


_GROWING = Ticks(open=1)
_NEW_BAR = Ticks(left=0, full=1)

# A bar line is one of these by what is left of the bar when it comes: | may end a
# section or not; may not; must; must, and the next pays for it; ends a pickup, which
# the section before has not paid for, or has; stands in an empty bar.
PIPES = (
    "pipe",
    "pipe, no end",
    "pipe, end",
    "pipe, owing",
    "pipe, pickup",
    "pipe, paid pickup",
    "pipe, empty",
)
# : of :| and ::, behind a bar that is whole; short by the pickup; by something else.
COLONS = ("colon", "colon, short", "colon, owing")

ACTIONS: dict[str, Ticks] = {
    **dict.fromkeys(PIPES, _NEW_BAR),
    **dict.fromkeys(COLONS, _NEW_BAR),
    "text": Ticks(),  # of the header
    "meter": Ticks(),  # the length of a bar is known
    "begin": _NEW_BAR,  # the music
    "note": Ticks(),
    "rest": Ticks(),
    "chord": Ticks(),  # its first note
    "within": _GROWING,  # more of a chord, an octave mark
    "octave": _GROWING,
    "accidental within": _GROWING,
    **{f"length {text}": _GROWING for text in prefixes(LENGTHS)[1:]},
    ">": Ticks(half=-1),
    ">>": Ticks(quarter=-1),
    "<": Ticks(half=1),
    "<<": Ticks(quarter=1),
    **{f"tuplet {number}": Ticks() for number in TUPLETS},
    "before note": Ticks(),  # what a note must follow in its bar
    "before free note": Ticks(),  # the same, not between tied notes
    "before sign": Ticks(),  # what may become a text before a bar line, too
    "accidental": Ticks(),  # before a note
    "slur": Ticks(),
    "end of slur": Ticks(),
    "tie": Ticks(),
    "line": Ticks(),  # a new one, behind a bar line
    "gap": Ticks(),  # a space between two bar lines
    "bracket": Ticks(),  # [ at the start of a bar
    "first ending": Ticks(),
    "second ending": Ticks(),
    "double": Ticks(),  # a second | or ]
    "open": Ticks(),  # the : of |:
    "reopen": Ticks(),  # the same behind :|
    "of the line": Ticks(),  # the | of :|
    "thicker": Ticks(),  # a second | or ] behind that
    "field": Ticks(),  # a field among the music
    "sign": Ticks(),  # a text before a bar line
    "end": Ticks(),
}
NAMES = list(ACTIONS)
NUMBER = {name: i for i, name in enumerate(NAMES)}
assert set(BROKEN) < set(ACTIONS)
