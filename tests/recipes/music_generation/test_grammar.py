"""What is asked of the generator, spelt for the grammar; its notes."""

import functools
import string

import keras
import pytest

from keras_seq import music
from keras_seq.runs import command_line
from keras_seq.text import CharacterVocabulary
from recipes.music_generation.copies import draw_originals
from recipes.music_generation.grammar import spell_given, writer_of
from recipes.music_generation.settings import Config
from tests.recipes.music_generation.test_copies import COPY, NEW, check, drawing

WHOLE = CharacterVocabulary(string.ascii_letters + string.digits + "/:|#^+ \n")


def writer(characters=WHOLE, grammar=True):
    style = music.HeaderStyle.fit(["T:A\nR:Jig\nM:none\nK:Hp\n", "T:B\nM:C\nK:G\n"])
    return writer_of(keras.Sequential(), characters, style, grammar)


@pytest.fixture(scope="module")
def ruled():
    return writer()


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("K", "DMIX", "Dmix"),
        ("K", "EMIN", "Em"),
        ("K", "F# Dorian", "F# Dorian"),
        ("K", "G", "G"),
        ("M", "4/4", "C"),  # as the tunes spell it
        ("M", "12/8", "12/8"),
        ("R", "jig", "Jig"),
        ("T", "The Hag", "The Hag"),
    ],
)
def test_is_spelt_as_the_grammar_has_it(ruled, field, value, expected):
    assert spell_given(ruled, **{field: value}) == {field: expected}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "M",
            "none",
            "--meter 'none': .*no such meter [(]of meters it has C, C|, 2",
        ),
        ("M", "2+3/8", "--meter '2[+]3/8': .*no such meter"),
        ("K", "none", "--key 'none': .*no such key [(]of keys it has A to G.*dorian"),
        ("K", "HP", "--key 'HP': .*no such key"),
        ("K", "Gm^f", r"--key 'Gm\^f': .*no such key"),
        ("K", "D exp _b", "--key 'D exp _b': .*no such key"),
        ("T", "a\\", "--title .*: line 1, column 4: came a backslash"),
    ],
)
def test_names_the_option_and_the_way_out(ruled, field, value, said):
    with pytest.raises(ValueError, match=said + ".*; --no-grammar takes it$"):
        spell_given(ruled, **{field: value})
    free = spell_given(writer(grammar=False), **{field: value})
    assert list(free) == [field]


def test_another_spelling_stands_in_for_characters_that_are_missing():
    few = CharacterVocabulary("TMLKCDEFGABcdmajor:/|12348\n")
    assert spell_given(writer(few), K="Ddor") == {"K": "Ddor"}
    assert spell_given(writer(few), K="F Major") == {"K": "F"}
    with pytest.raises(ValueError, match=r"--key 'Emix': .*no 'i', 'x'; --no-gra"):
        spell_given(writer(few), K="Emix")


def notes():
    """Says what the recipe says beside its answers."""
    draw, _ = drawing(NEW, COPY, NEW)
    draw_originals(draw, 2, 5, check())
    writer(CharacterVocabulary("abc"))


@pytest.mark.parametrize("quiet", [True, False])
def test_quiet_leaves_notes_out(quiet, capsys):
    run = functools.partial(command_line, Config, notes, {"note": notes})
    run(["note", *["--quiet"] * quiet], stdout="answers")
    out, err = capsys.readouterr()
    assert out == ""
    told = ("tune 2: " in err, "written without a grammar: " in err)
    assert told == (not quiet, not quiet)
