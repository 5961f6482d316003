import importlib
import types

import pytest

from keras_seq.runs import check_settings, whole_path


@pytest.mark.parametrize(
    ("kind", "good", "bad", "message"),
    [
        ("at_least_1", [1, 7, None], [0, -1], "at least 1"),
        ("shares", [0, 0.5, 0.999], [1, -0.1, float("nan")], "in [0, 1)"),
        ("above_0", [1e-9, 3], [0, -1, float("inf"), float("nan")], "above 0"),
        ("seeds", [0, 2**31 - 1], [-1, 2**31], "in [0, 2**31)"),
    ],
)
def test_ranges(kind, good, bad, message):
    for value in good:
        check_settings(types.SimpleNamespace(x=value), **{kind: ["x"]})
    for value in bad:
        with pytest.raises(ValueError) as error:
            check_settings(types.SimpleNamespace(x=value), **{kind: ["x"]})
        assert str(error.value).startswith(f"`x` must be {message}")
        assert str(error.value).endswith(f"received {value!r}.")


def test_no_name_is_no_folder():
    check_settings(types.SimpleNamespace(data="."), paths=["data"])
    with pytest.raises(ValueError, match="`data` must be a name or a path; rec"):
        check_settings(types.SimpleNamespace(data=""), paths=["data"])


@pytest.mark.parametrize("name", ["dates", "./dates"])
def test_a_name_is_no_path_whatever_lies_beside(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dates").mkdir()
    expected = "dates" if name == "dates" else str(tmp_path / "dates")
    assert whole_path(name, ("dates",)) == expected
    assert whole_path(name) == str(tmp_path / "dates")


@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        ("binary_classification", ["breast-cancer"]),
        ("image_captioning", ["scenes"]),
        ("music_generation", ["oneills", "ryans", "airds", "folk", "essen"]),
        ("next_word", ["pydoc"]),
        ("sentiment", ["written-reviews", "rt-polarity", "movie-reviews"]),
        ("translation", ["dates"]),
    ],
)
def test_recipes_know_their_data_by_name(recipe, names, tmp_path, monkeypatch):
    settings = importlib.import_module(f"recipes.{recipe}.settings")
    assert settings.Config().data == names[0]
    monkeypatch.chdir(tmp_path)
    for name in names:
        (tmp_path / name).mkdir()
        assert settings.Config(data=name).complete().data == name
