"""Any tunes are measured beside people's; each tune is written by itself."""

import functools
import json
import re

import pytest

from keras_seq.music import title_of
from keras_seq.runs import command_line
from recipes.music_generation import Config, load_data, recipe
from recipes.music_generation.measuring import measure_tunes, tunes_to_measure
from recipes.music_generation.results import drawn_how, write_tunes
from tests.music.data import oneills_file


def test_any_tunes_are_measured_as_music(tmp_path):
    file = oneills_file()
    data = load_data(Config(data=str(file), quick=True))
    name = title_of(data.train[0])
    pieces = re.split(r"\n(?=X:)", file.read_text("latin-1"))
    trained = next(each for each in pieces if title_of(each) == name)
    own = "X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\nD4 A4|d4 D4|\n"
    broken = "X:3\nT:Broken\nK:D\nD(3\n"
    path = tmp_path / "own.abc"
    path.write_text(f"{own}\n{trained.strip()}\n\n{broken}")
    figures = measure_tunes(tunes_to_measure(str(path)), data)
    assert figures["tunes"] == 2
    assert len(figures["rejected"]) == 1
    assert "Broken" in figures["rejected"][0]
    first, second = figures["copying"]["nearest"]
    assert (first["tune"], first["nearest"], first["share"]) == (name, name, 1.0)
    assert (second["tune"], second["share"]) == ("Mine", 0.0)
    assert figures["copying"]["share_above_limit"] == 0.5
    assert figures["written"]["valid"] == 1.0
    row = figures["as_music"]["ends_on_tonic"]
    assert set(row) == {"value", "human", "distance", "distance_of_halves"}


def evaluate(*arguments):
    """As `python -m recipes.music_generation evaluate` does it."""
    verbs = {"evaluate": "recipes.music_generation.recipe:evaluate_run"}
    main = "recipes.music_generation.recipe:main"
    command_line(Config, main, verbs, ["evaluate", *arguments], stdout="answers")


def test_any_tunes_are_measured_without_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # What it compares with by default takes a minute to read.
    few = functools.partial(Config, data=str(oneills_file()))
    monkeypatch.setattr(recipe, "Config", few)
    (tmp_path / "a.abc").write_text("X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\nD4 A4|d4 D4|\n")
    evaluate("--tunes", "a.abc")
    assert json.loads(capsys.readouterr().out)["tunes"] == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tunes", "none.abc"], "error: --tunes: "),
        ([], "error: no run in 'runs/music_generation'"),
        (["--run", "mine"], "error: no run in 'mine'"),
        (["--run", "mine", "--tunes", "a.abc"], "error: no run in 'mine'"),
    ],
)
def test_what_is_not_there_is_refused(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.abc").write_text("X:1\nT:Mine\nM:4/4\nL:1/8\nK:D\nD4 A4|d4 D4|\n")
    with pytest.raises(SystemExit):
        evaluate(*arguments)
    assert capsys.readouterr().err.splitlines()[-1].startswith(said)


def test_the_report_says_grammar_where_there_is_one():
    for share, said in ((0.5, True), (None, False)):
        figures = {"under_grammar": {"share_of_tunes": share}}
        text = drawn_how({"config": {"temperature": 0.7}, "test": figures}, 32)
        assert text.startswith("Drawn at temperature 0.7")
        assert ("grammar" in text) == said


def test_what_cannot_be_played_costs_no_other(tmp_path, capsys):
    # A whole note lasts 24 s.
    slow = "X:1\nT:Slow\nM:4/4\nL:1/1\nQ:1/4=10\nK:D\n" + "D|" * 120 + "\n"
    human = "X:1\nT:Scale\nM:4/4\nL:1/8\nK:D\nDEFG ABcd|\n"
    write_tunes([slow, human], tmp_path / "tunes")
    names = sorted(path.name for path in (tmp_path / "tunes").iterdir())
    assert names == [
        *(f"001.{kind}" for kind in ("abc", "mid", "svg")),
        *(f"002.{kind}" for kind in ("abc", "mid", "svg", "wav")),
    ]
    told = capsys.readouterr().out
    assert "001.abc cannot be printed or played: " in told
    assert "half an hour at most; 48 minutes came" in told
    assert "002" not in told


def test_tunes_come_as_text_print_and_sound(tmp_path, capsys):
    human = "X:1\nT:Scale\nM:4/4\nL:1/8\nK:D\nDEFG ABcd|:d2 d2:|\n"
    broken = "X:1\nT:Broken\nK:D\nDEF(3|\n"
    write_tunes([human, broken], tmp_path / "tunes")
    names = sorted(path.name for path in (tmp_path / "tunes").iterdir())
    assert names == ["001.abc", "001.mid", "001.svg", "001.wav", "002.abc"]
    assert "002.abc cannot be printed or played: " in capsys.readouterr().out
