"""`import keras_seq` reaches every room, and imports none before it is used."""

import subprocess
import sys

import pytest

import keras_seq
from keras_seq.extras import lazy_names
from tests import house

HEAVY = {"keras", "tensorflow", "matplotlib", "jax", "torch"}


def loaded_by(source):
    """The modules that a program has imported."""
    source += "\nimport sys; print(*sys.modules)"
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, cwd=house.ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_the_package_alone_imports_nothing():
    loaded = loaded_by("import keras_seq; dir(keras_seq); keras_seq.__version__")
    assert not loaded & {*HEAVY, "numpy", "keras_seq.layers", "keras_seq.runs"}


def test_what_a_command_line_needs_imports_nothing_heavy():
    loaded = loaded_by("import keras_seq; keras_seq.runs; keras_seq.files")
    assert "keras_seq.runs.command_line" in loaded
    assert not loaded & HEAVY


def test_every_room_is_there_and_is_listed():
    rooms = {room.split(".")[1] for room in house.rooms(house.ROOT) if "." in room}
    rooms |= {module.split(".")[1] for module in house.PUBLIC_MODULES}
    assert rooms <= set(dir(keras_seq))
    for room in rooms:
        assert getattr(keras_seq, room).__name__ == f"keras_seq.{room}"
    with pytest.raises(AttributeError, match="'keras_seq' has no attribute 'layer'"):
        keras_seq.layer  # noqa: B018


def packages():
    """The packages whose names come late, as modules."""
    for file, source in house.sources(house.ROOT, "keras_seq", "recipes"):
        if file.endswith("/__init__.py") and "lazy_names(" in source:
            yield file.removesuffix("/__init__.py").replace("/", ".")


@pytest.mark.parametrize("name", packages())
def test_late_names_are_there_and_are_no_modules(name):
    package = __import__(name, fromlist=["x"])
    modules = {path.stem for path in house.ROOT.joinpath(*name.split(".")).iterdir()}
    assert not modules & set(package.__all__)  # a module would take the place
    for each in package.__all__:
        found = getattr(package, each)
        assert not hasattr(found, "__path__")
        assert each in dir(package)
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


def test_late_names_come_when_they_are_asked_for():
    get, _ = lazy_names("shapes", {"colorsys": ["rgb_to_hsv"], "none": ["gone"]})
    assert get("rgb_to_hsv")(0, 0, 0) == (0.0, 0.0, 0)
    with pytest.raises(ModuleNotFoundError, match="none"):
        get("gone")
