"""Answers of the translation recipe, by a model that knows letters alone."""

import json

import pytest

from recipes.translation.answers import translate_lines
from tests.text.translators import translator as letters_translator


def test_a_sentence_too_long_is_named_by_its_line(capsys):
    short = letters_translator(longest_source=5)
    search = {"width": 1, "n_best": 1}
    with pytest.raises(ValueError, match="1 of 3 lines"):
        translate_lines(
            *(short, ["un", "un " * 90, "deux"], search),
            **{"json": True, "name": "a.txt", "out": None},
        )
    out, error = capsys.readouterr()
    assert error.startswith("a.txt:2: `texts` must have sentences of at most 5 tokens")
    rows = list(map(json.loads, out.split("\n")[:-1]))
    assert ["translation" in row for row in rows] == [True, False, True]
