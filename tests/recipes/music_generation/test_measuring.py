"""Any tunes are measured beside people's; each tune is written by itself."""

import re

from keras_seq.music import title_of
from recipes.music_generation import Config, load_data
from recipes.music_generation.measuring import measure_tunes
from recipes.music_generation.results import write_tunes
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
    figures = measure_tunes(str(path), data)
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
