import random
import warnings

import pytest

from keras_seq.music import NgramIndex, SubstringIndex, describe_tunes
from keras_seq.music.statistics import parses_in_music21
from tests.music.abc.support import tune
from tests.music.data import irish_tunes

# 13 notes, 5 runs of 8 intervals; 19 characters with the newline.
TRAINED = "CDEF|GABc|defg|c4|\n"
# The same a whole tone higher; no more than 3 characters, "4|\n", are the same.
HIGHER = "DEFG|ABcd|efga|d4|\n"
# 21 characters, of which "F|G" stands in TRAINED; its melody goes up and down.
UNRELATED = "GEGE|AFAF|GEGE|C2z2|\n"


@pytest.fixture(scope="module")
def indices():
    return SubstringIndex([TRAINED]), NgramIndex([tune(TRAINED)])


def free(body):
    return tune(body, meter="none")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (tune(TRAINED), (True, 1, 1, 0, 19, 1, 1)),
        (tune(HIGHER, key="D"), (True, 1, 1, 0, 3, 3 / 19, 1)),
        (tune(UNRELATED), (True, 1, 1, 0, 3, 3 / 21, 0)),
        # Of 8 notes the sharp F and the F behind it, which it sharpens too.
        (tune("CD^FF|GABc|\n"), (True, 1, 1, 2 / 8, 7, 7 / 12, 0)),
        # The bar in the middle lacks a beat.
        (tune("CDEF|GAB|c4|\n"), (True, 1, 0, 0, 8, 8 / 13, 0)),
        # In free meter no bar has a length that it should have.
        (free("CDE|C|\n"), (True, 1, 0, 0, 3, 3 / 7, 0)),
        (tune("M:none\nCDE|C|\n"), (True, 1, 0, 0, 3, 3 / 14, 0)),
        (tune("CDEF|[M:none]CDE|\n"), (True, 1, 0, 0, 5, 5 / 18, 0)),
        # music21 passes over the plus sign; the standard has none in music.
        (tune("CDEF|GA+B|\n"), (True, 0, 0, None, 7, 7 / 11, None)),
        (tune("[CDEF|\n"), (False, 0, 0, None, 5, 5 / 7, None)),
        # Rests are no notes, and neither is a chord symbol.
        (tune('"Am"z4|\n'), (False, 1, 1, 0, 3, 3 / 8, 0)),
        (tune(""), (False, 1, 0, 0, None, None, 0)),
        ("", (False, 0, 0, None, None, None, None)),
    ],
)
def test_figures_of_one_tune(indices, text, expected):
    figures = describe_tunes([text], *indices)
    names = (
        "parses_in_music21",
        "valid",
        "every_bar_complete",
        "notes_outside_key",
        "longest_copy_characters",
        "longest_copy_share",
        "melody_8gram_overlap",
    )
    assert figures == dict(zip(names, expected, strict=True))


def test_a_tune_without_meter_field_is_not_complete(indices):
    text = tune("CDEF|\n").replace("M:4/4\n", "")
    figures = describe_tunes([text], *indices)
    assert (figures["valid"], figures["every_bar_complete"]) == (1, 0)


def test_figures_of_several_tunes_are_means_and_medians(indices):
    texts = [
        tune(TRAINED),
        tune(HIGHER, key="D"),
        tune("^C4|\n"),  # 1 of 1 note outside; "4|\n" copied, 3 of 5 characters
        tune("[CDEF|\n"),  # "CDEF|" copied, 5 of 7 characters
        tune(""),
    ]
    assert describe_tunes(texts, *indices) == {
        "parses_in_music21": 3 / 5,
        "valid": 4 / 5,
        "every_bar_complete": 3 / 5,
        "notes_outside_key": 1 / 4,
        "longest_copy_characters": 4,  # of 3, 3, 5, 19
        "longest_copy_share": pytest.approx((3 / 5 + 5 / 7) / 2),  # the middle two
        "melody_8gram_overlap": 2 / 4,
    }


def test_no_tunes_have_no_figures(indices):
    figures = describe_tunes([], *indices)
    assert len(figures) == 7
    assert set(figures.values()) == {None}


def test_nothing_is_copied_from_no_training_tunes():
    figures = describe_tunes([tune(TRAINED)], SubstringIndex([]), NgramIndex([]))
    assert figures["longest_copy_characters"] == 0
    assert figures["longest_copy_share"] == 0
    assert figures["melody_8gram_overlap"] == 0


def test_progress_is_told_after_each_tune(indices):
    calls = []
    texts = [tune(TRAINED), tune(""), ""]
    describe_tunes(texts, *indices, progress=lambda *call: calls.append(call))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_garbage_has_figures(indices):
    source = random.Random(4)
    alphabet = "ABCDEFGabcdefgz^_=,'/0123456789|:[](){}<>-.~!\"\\ \n\r\tXTMLKRV%&wé\0"

    def garbage():
        return "".join(source.choices(alphabet, k=source.randrange(150)))

    texts = [garbage() for _ in range(30)] + [tune(garbage()) for _ in range(30)]
    figures = describe_tunes([*texts, tune(TRAINED)], *indices)
    for name, value in figures.items():
        if name != "longest_copy_characters":
            assert 0 <= value <= 1
    assert figures["valid"] < 1


def broken(source, text):
    """The tune with some characters of its music dropped, doubled or strange."""
    start = text.index("\n", text.index("\nK:") + 1) + 1
    header, music = text[:start], list(text[start:])
    for _ in range(6):
        place = source.randrange(len(music))
        music[place] = source.choice(["", music[place] * 2, *'[]{}()"/|:0'])
    return header + "".join(music)


def test_the_verdict_of_music21_is_its_own():
    """Against its reader of ABC, called without its converters."""
    abc = pytest.importorskip("music21.abcFormat")
    translate = pytest.importorskip("music21.abcFormat.translate")

    def reads(text):
        handler = abc.ABCHandler()
        try:
            handler.process(text)
            score = translate.abcToStreamScore(handler)
        except Exception:
            return False
        return any(
            True
            for part in score.parts
            for _ in part.recurse().getElementsByClass("Note")
        )

    source = random.Random(0)
    real = source.sample(irish_tunes(), 6)
    texts = real + [broken(source, text) for text in real * 4]
    verdicts = [parses_in_music21(text) for text in texts]
    assert all(verdicts[: len(real)])
    assert not all(verdicts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert verdicts == [reads(text) for text in texts]


def test_the_name_of_a_file_is_no_tune(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_text(tune(TRAINED))
    assert not parses_in_music21(str(path))
