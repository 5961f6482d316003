"""What is asked of the generator, spelt for the grammar; its notes."""

import functools
import string

import keras
import numpy as np
import pytest

from keras_seq import music
from keras_seq.layers import ExplicitLSTM
from keras_seq.runs import command_line
from keras_seq.text import CharacterVocabulary
from recipes.music_generation import grammar as rules
from recipes.music_generation.copies import draw_originals
from recipes.music_generation.grammar import (
    nats_pushed,
    spell_given,
    write_unforced,
    writer_of,
)
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


@pytest.fixture(scope="module")
def untrained():
    keras.utils.set_random_seed(3)
    vocabulary = CharacterVocabulary("TMLKCDEFGABcd:/|123468 \n")
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), 6)(ids)
    x, _, _ = ExplicitLSTM(8, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    return music.TuneWriter(model, vocabulary, grammar=music.TuneGrammar(vocabulary))


def pushed_by_hand(writer, tune):
    """Σ ln 1 / p(what the grammar allows), from the logits, in float64."""
    document = tune.text.partition("\n")[2]
    ids = np.array([[1, *writer.vocabulary.encode(document)]], "int32")
    first = writer.grammar.initial_state(ids[:, 0], 2**14)
    allowed = np.asarray(writer.grammar.allowed_along(ids, first)[0])[0]
    logits = np.asarray(writer.model(ids), "float64")[0]
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return -np.log((p * allowed).sum(-1) / p.sum(-1)).sum()


def test_how_far_the_grammar_pushed(untrained):
    tunes = untrained.write(3, max_length=70, seed=2)
    by_hand = [pushed_by_hand(untrained, tune) for tune in tunes]
    np.testing.assert_allclose(nats_pushed(untrained, tunes), by_hand, rtol=1e-4)


def test_tunes_that_were_pushed_far_are_drawn_again(untrained, monkeypatch):
    options = {"max_length": 70, "seed": 2}
    first = untrained.write(8, **options)
    before = nats_pushed(untrained, first)
    limit = float(np.median(before))
    monkeypatch.setattr(rules, "MOST_PUSHED", limit)
    tunes = write_unforced(untrained, 8, **options)
    after = nats_pushed(untrained, tunes)
    kept = before <= limit
    assert [t.text for t in np.array(tunes, object)[kept]] == [
        t.text for t in np.array(first, object)[kept]
    ]
    assert (after[~kept] <= before[~kept]).all()
    assert (after <= limit).sum() > kept.sum()
    assert [t.text.split("\n")[0] for t in tunes] == [f"X:{i}" for i in range(1, 9)]
    assert [t.text for t in write_unforced(untrained, 8, **options)] == [
        t.text for t in tunes
    ]
    assert all(music.validate(t.text).problems == () for t in tunes)
