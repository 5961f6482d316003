"""The tokens of a line of music."""

import re

# Python matches the alternatives from left to right, so the order matters
# where one token starts like another: an inline field, a variant ending and a
# bar line before the chord that `[` would open, `.|` and `.(` before the
# staccato dot, `!trill!` before the outdated line break `!`.
TOKEN = re.compile(
    r"""
      (?P<note>
          (?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-g])
          (?P<octave>[,']*)(?P<length>\d*(?:/\d+|/*)))
    | (?P<space>[ \t`$]+)
    | (?P<bar>\.?(?:\[?\|[|:]*\]?|:+\|[|:]*\]?|::+)(?P<numbers>\d[\d,-]*)?)
    | (?P<rest>[zx](?P<rest_length>\d*(?:/\d+|/*)))
    | (?P<broken>>+|<+)
    | (?P<tuplet>\((?P<p>\d+)(?::(?P<q>\d*))?(?::(?P<r>\d*))?)
    | (?P<tie>\.?-)
    | (?P<slur_open>\.?\()
    | (?P<slur_close>\))
    | (?P<field>\[(?P<name>[A-Za-z]):(?P<value>[^\]]*)\])
    | (?P<unclosed_field>\[[A-Za-z]:.*)
    | (?P<ending>\[(?P<ending_numbers>\d[\d,-]*))
    | (?P<chord_open>\[)
    | (?P<chord_close>\](?P<chord_length>\d*(?:/\d+|/*)))
    | (?P<grace_open>\{/?)
    | (?P<grace_close>\})
    | (?P<text>"[^"]*")
    | (?P<unclosed_text>".*)
    | (?P<decoration>
        !(?P<decoration_name>[^\s!|:\[\]]+|D\.[CS]\.\ al\ (?:[Ff]ine|[Cc]oda))!
        |\+(?P<old_name>[a-z]+[()]?|D\.[CS]\.(?:al[a-z]+)?|[0-5><]|[<>][()])\+)
    | (?P<line_break>!)
    | (?P<symbol>[.~H-Wh-w])
    | (?P<measures>[ZX](?P<count>\d*))
    | (?P<spacer>y\d*)
    | (?P<overlay>&+)
    | (?P<transfer>=(?:20)?(?=\s*$))
    | (?P<reserved>[#*;?@]+)
    | (?P<unknown>\d+|\\+|[^\x20-\x7e]+|.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)

# The names of the standard's section 4.14.
DECORATIONS = frozenset(
    """
    trill trill( trill) lowermordent uppermordent mordent pralltriller roll turn
    turnx invertedturn invertedturnx arpeggio > accent emphasis fermata
    invertedfermata tenuto 0 1 2 3 4 5 + plus snap slide wedge upbow downbow open
    thumb breath pppp ppp pp p mp mf f ff fff ffff sfz crescendo( <( crescendo) <)
    diminuendo( >( diminuendo) >) segno coda D.S. D.C. dacoda dacapo fine
    D.C.alcoda D.C.alfine D.S.alcoda D.S.alfine
    shortphrase mediumphrase longphrase
    """.split()  # noqa: SIM905
)

# Letters and what they stand for where no U: field says otherwise.
SYMBOLS = {
    ".": "staccato",
    "~": "roll",
    "H": "fermata",
    "L": "accent",
    "M": "lowermordent",
    "O": "coda",
    "P": "uppermordent",
    "S": "segno",
    "T": "trill",
    "u": "upbow",
    "v": "downbow",
}
