"""What is asked is what comes: judged by music21 and `validate`."""

import random

import numpy as np
import pytest

from keras_seq.music import (
    INSTRUMENTS,
    TuneRequest,
    TuneWriter,
    validate,
)
from keras_seq.music.grammar._asked_state import as_arrays
from keras_seq.music.grammar.collisions import Opening, check_collisions
from keras_seq.music.request import midi_of
from tests.music.grammar.asked_reader import RANGES, complaints, random_request
from tests.music.grammar.test_constraint import WHOLE

HEADER = {"T": "A", "M": "6/8", "L": "1/8", "K": "D"}


def test_requests_at_random_are_obeyed(writer):
    pytest.importorskip("music21")
    chance = random.Random(5)
    drawn = [random_request(chance) for _ in range(32)]
    heads = [
        "T:A\n" + "".join(f"{k}:{v}\n" for k, v in given.items()) for _, given in drawn
    ]
    rows = as_arrays([request for request, _ in drawn])
    need = writer.asked_functions[1](heads, *rows)[2].numpy()
    room = need + np.arange(32) % 4 * 20  # none to spare, or some
    hot = np.full(32, 1.5, "float32")
    texts, finished = writer.asked_functions[0](
        heads, hot, np.ones(32, "float32"), np.arange(32, dtype="int32"), room, *rows
    )
    assert finished.numpy().all()
    for head, text, (request, _) in zip(heads, texts.numpy(), drawn, strict=True):
        assert complaints(f"X:1\n{head}{text.decode()}", request) == [], request


def test_an_opening_is_kept_to_the_letter(writer):
    """In the middle of a bar, of a chord, of a tuplet; with space that is layout."""
    request = TuneRequest(form="AABB", bars=2, end_on="tonic")
    for opening in ("|: A | d2e  fed | A", "|:d2 [f", "|:(3de", "DE{g}F A>"):
        [tune] = writer.write(
            1, given=HEADER, asked=request, opening=opening, max_length=150
        )
        assert f"\nK:D\n{opening}" in tune.text
        assert tune.finished
        assert validate(tune.text).problems == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"opening": "|:d2 e2 | c4|"},
            "`opening` and `given` collide [(]M:6/8, L:1/8, K:D[)]: line 1, column 13",
        ),
        (
            {"asked": {"lowest": "D4", "highest": "B4"}, "opening": "|:A3\nd"},
            "`lowest` and `highest` and `opening` collide: .*; line 2, column 1 of "
            "the opening: came 'd'",
        ),
        (
            {"asked": {"form": "AA", "bars": 1}, "opening": "|:A6|A6|"},
            "`form` and `opening` collide: .*; line 1, column 5 of the opening",
        ),
        (
            {"asked": {"form": "AABB", "bars": 64}, "max_length": 99},
            "`form` and `max_length` collide: form AABB of 64 bars: [0-9]+ ",
        ),
        (
            {"asked": {"lowest": "E4", "highest": "C5", "end_on": "tonic"}},
            "`end_on` and `lowest` and `highest` collide: the tonic D of K:D is not in",
        ),
        (
            {"asked": {"lowest": "E7"}},
            "`lowest` must leave two letters at least",
        ),
        ({"opening": " "}, "`opening` must be music; received ' '"),
        (
            {"opening": "A3", "given": {"M": "3/4"}},
            "`opening` needs M, L and K in `given`, .*; lacking L, K",
        ),
    ],
)
def test_which_two_collide(writer, options, said):
    asked = TuneRequest(**options.get("asked", {}))
    options = {"given": HEADER, "max_length": 200, **options, "asked": asked}
    with pytest.raises(ValueError, match=said):
        writer.write(1, **options)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"form": "ABA"}, "`form` must not go back .* 'A' comes again in 'ABA'"),
        ({"form": "AAAB"}, "`form` must have a section twice at most"),
        ({"form": "AC"}, "`form` must have its letters in order"),
        ({"form": "aab"}, "`form` must be capital letters"),
        ({"form": "ABCDEFGHI"}, "`form` must have 8 sections at most"),
        ({"form": "AB", "bars": 0}, "`bars` must be from 1 to 64; received 0"),
        ({"form": "AB", "bars": (8, 8, 8)}, "`bars` must be one number, or one for"),
        ({"form": "AB", "pickup": "yes"}, "`pickup` must be True, False or None"),
        ({"pickup": True}, "`pickup` needs a `form`"),
        ({"bars": 16}, "`bars` needs a `form`"),
        ({"lowest": "H4"}, "`lowest` must be a note and its octave"),
        ({"lowest": "C5", "highest": "E5"}, "`lowest` and `highest` collide"),
        ({"instrument": "tuba"}, "`instrument` must be one of fiddle, mandolin"),
        ({"instrument": "flute", "highest": "C5"}, "`instrument` and `highest` coll"),
        ({"end_on": "fifth"}, "`end_on` must be 'tonic' or None"),
    ],
)
def test_refuses_by_name(asked, said):
    with pytest.raises(ValueError, match=said):
        TuneRequest(**asked)


def test_ranges_of_instruments():
    found = {n: tuple(midi_of(p, "p") for p in e) for n, e in INSTRUMENTS.items()}
    assert found == RANGES


def test_what_was_asked_is_likelier_among_what_obeys(writer):
    """A tune that doesn't obey has no probability; one that does a higher one."""
    good = "T:A\nM:2/4\nL:1/8\nK:D\n|:A4|D4:|\n"
    bad = good.replace("D4", "E4")
    request = TuneRequest(form="AA", bars=2, end_on="tonic")
    obeys, not_ = writer.nats([good, bad], in_grammar=True, asked=request)
    free = writer.nats([good], in_grammar=True)[0]
    assert np.isinf(not_).any()
    assert (obeys <= free + 1e-4).all()
    assert obeys.sum() < free.sum()


def test_needs_a_grammar(writer):
    bare = TuneWriter(writer.model, WHOLE)
    with pytest.raises(ValueError, match="`asked` needs a writer with a `grammar`"):
        bare.write(1, asked=TuneRequest(end_on="tonic"))
    with pytest.raises(ValueError, match="`opening` needs a writer with a `grammar`"):
        bare.write(1, opening="A2", given=HEADER)
    with pytest.raises(ValueError, match="`asked` goes with `in_grammar=True`"):
        writer.nats(["T:A\n"], asked=TuneRequest(end_on="tonic"))


def test_the_header_with_which_it_collides_is_named(writer):
    """Of several that a model wrote, of which the first would do."""
    heads = [f"T:A\nM:{meter}\nL:1/8\nK:D\n" for meter in ("2/4", "12/8")]
    request, read = TuneRequest(form="AB", bars=16), writer.asked_functions[1]
    few, many = (int(n) for n in read(heads, *as_arrays([request] * 2, [True] * 2))[2])
    assert few < many
    check_collisions(writer.grammar, read, heads, request, Opening("", ""), many)
    said = rf"form AB of 16 bars: {many} characters .* [(]M:12/8, .*; .* is {few}"
    with pytest.raises(ValueError, match=said):
        check_collisions(writer.grammar, read, heads, request, Opening("", ""), few)
