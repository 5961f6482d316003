"""The house stands: who imports whom, what is public, how long files are.

Each check is first shown a tree that is wrong, and must find just what is.
"""

import difflib

import pytest

from tests import house
from tests.public_names import FILE, listed


def tree(folder, files):
    """Writes files, named without `.py`, and an empty `__init__` in each folder."""
    for name, text in files.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        for parent in path.relative_to(folder).parents:
            if parent.name:
                (folder / parent / "__init__.py").touch()
    return folder


def test_every_room_has_its_place_in_the_chain():
    found = {
        path.stem
        for path in (house.ROOT / "keras_seq").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert found - {"__init__"} == set(house.MAY_IMPORT)


UPWARD = {
    "ops from layers": ("ops/lstm", "from keras_seq.layers import ExplicitLSTM"),
    "ops from an aid": ("ops/lstm", "from keras_seq.files import atomic_write"),
    "layers from decoding": ("layers/lstm", "from keras_seq import decoding"),
    "decoding from ops": ("decoding/beam", "import keras_seq.ops"),
    "training from decoding": ("training/a", "from keras_seq.decoding import Beam"),
    "runs from serving": ("runs/report", "from keras_seq.serving import check"),
    "text from music": ("text/words", "from keras_seq.music import parse"),
    "music from vision": ("music/abc/key", "from keras_seq.vision import Captioner"),
    "an aid from a room": ("extras", "from keras_seq.text import normalise"),
    "the package from a recipe": ("vision/a", "from recipes.sentiment import Config"),
    "the package from tests": ("serving/a", "import tests.kinds"),
    "everything": ("training/b", "import keras_seq"),
    "relative": ("ops/gru", "from ..layers import lstm"),
}


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("case", UPWARD)
def test_an_import_upwards_is_found(tmp_path, case, inside):
    name, line = UPWARD[case]
    text = f"def f():\n    if True:\n        {line}\n" if inside else f"{line}\n"
    tree(
        tmp_path,
        {
            f"keras_seq/{name}": text,
            "keras_seq/layers/gru": "from keras_seq import ops\nfrom .cell import C\n",
            "keras_seq/vision/b": "import keras_seq.text\nimport keras_seq.extras\n",
            "recipes/b/recipe": "from keras_seq import vision, ops, decoding\n",
        },
    )
    (found,) = house.upward_imports(tmp_path)
    assert found.startswith(f"keras_seq/{name}.py:{3 if inside else 1} imports ")


def test_imports_for_type_checkers_count_as_none(tmp_path):
    text = (
        "import typing\n"
        "if typing.TYPE_CHECKING:\n    from keras_seq.layers import ExplicitLSTM\n"
        "else:\n    from keras_seq.text import normalise\n"
    )
    (found,) = house.upward_imports(tree(tmp_path, {"keras_seq/ops/a": text}))
    assert found == "keras_seq/ops/a.py:5 imports keras_seq.text.normalise"


def test_imports_point_downwards():
    assert list(house.upward_imports(house.ROOT)) == []


def test_an_import_of_another_recipe_is_found(tmp_path):
    tree(
        tmp_path,
        {
            "recipes/a/recipe": "from recipes.b import data\nimport recipes.a.c\n",
            "recipes/b/recipe": "import recipes.b.data\nfrom recipes import a\n",
            "recipes/__main__": "import recipes\n",
        },
    )
    assert list(house.imports_between_recipes(tmp_path)) == [
        "recipes/a/recipe.py:1 imports recipes.b.data",
        "recipes/b/recipe.py:2 imports recipes.a",
    ]


def test_nothing_of_one_recipe_is_imported_by_another():
    assert list(house.imports_between_recipes(house.ROOT)) == []


def test_a_heavy_import_is_found(tmp_path):
    tree(
        tmp_path,
        {
            "keras_seq/ops/a": "import numpy\nimport tensorflow\nimport os.path\n",
            "keras_seq/layers/b": "def f():\n    import jax.lax\n    import scipy\n",
            "keras_seq/decoding/c": "import keras\nclass A:\n    import torch\n",
            "keras_seq/text/d": "import tensorflow\n",
        },
    )
    assert list(house.heavy_imports(tmp_path)) == [
        "keras_seq/ops/a.py:2 imports tensorflow",
        "keras_seq/layers/b.py:3 imports scipy",
        "keras_seq/decoding/c.py:3 imports torch",
    ]


def test_ops_layers_and_decoding_stand_on_keras_alone():
    assert list(house.heavy_imports(house.ROOT)) == []


def test_a_cycle_is_found(tmp_path):
    tree(
        tmp_path,
        {
            "keras_seq/ops/a": "from keras_seq.ops import b\n",
            "keras_seq/ops/b": "from keras_seq.ops.c import f\n",
            "keras_seq/ops/c": "def f():\n    import keras_seq.ops.a\n",
            "keras_seq/ops/d": "from keras_seq.ops.a import f\n",
            "recipes/e": "import recipes.e\n",
        },
    )
    assert house.cycles(tmp_path) == [
        "keras_seq/ops/a.py <-> keras_seq/ops/b.py <-> keras_seq/ops/c.py",
        "recipes/e.py",
    ]


def test_no_files_import_each_other():
    assert house.cycles(house.ROOT) == []


def test_a_private_name_is_found(tmp_path):
    tree(
        tmp_path,
        {
            "keras_seq/ops/__init__": '__all__ = ["lstm"]\n',
            "keras_seq/text/__init__": '__all__ = ["normalise"]\n',
            "keras_seq/text/words": "",
            "recipes/a/recipe": (
                "from keras_seq import ops, text as words\n"
                "from keras_seq.ops import gru, lstm\n"
                "from keras_seq.text.words import split\n"
                "from keras_seq.files import _TEMPORARY, replacing\n"
                "import keras_seq.ops\n"
                "def f():\n"
                "    words.normalise(words.find)\n"
                "    return ops.scan(ops.lstm), keras_seq.ops.lstm, keras_seq.ops.f()\n"
            ),
            "recipes/a/data": "from recipes.a import _hidden\n",
            "benchmarks/b": "from keras_seq.ops import _engine, lstm\n",
        },
    )
    page = tmp_path / "recipes" / "a" / "README.md"
    page.write_text("Thus:\n\n```python\nfrom keras_seq.text import fold\n```\n")
    assert sorted(house.private_names(tmp_path)) == [
        "benchmarks/b.py:1 imports keras_seq.ops._engine",
        "recipes/a/README.md:4 imports keras_seq.text.fold",
        "recipes/a/data.py:1 imports recipes.a._hidden",
        "recipes/a/recipe.py:2 imports keras_seq.ops.gru",
        "recipes/a/recipe.py:3 imports keras_seq.text.words.split",
        "recipes/a/recipe.py:4 imports keras_seq.files._TEMPORARY",
        "recipes/a/recipe.py:7 uses keras_seq.text.find",
        "recipes/a/recipe.py:8 uses keras_seq.ops.f",
        "recipes/a/recipe.py:8 uses keras_seq.ops.scan",
    ]


def test_recipes_pages_and_benchmarks_take_public_names_only():
    assert list(house.private_names(house.ROOT)) == []


def test_a_long_file_is_found(tmp_path):
    tree(tmp_path, {"tests/a": "x = 1\n" * 400, "keras_seq/b": "x = 1\n" * 401})
    assert list(house.long_files(tmp_path)) == ["keras_seq/b.py has 401 lines"]


def test_no_file_is_long():
    assert list(house.long_files(house.ROOT)) == []


def test_a_hidden_lecture_is_found(tmp_path):
    late = "x = 1\n" * 119 + "def train():\n    pass\n"
    tree(
        tmp_path,
        {
            "recipes/a/recipe": late + "model.compile()\n",
            "recipes/a/model": "import re\nre.compile('a')\nmodel.compile('adam')\n",
            "recipes/b/recipe": late[6:] + "x = 1\n" * 181,
            "recipes/c/recipe": late[6:] + "x = 1\n" * 180,
        },
    )
    assert list(house.hidden_lectures(tmp_path)) == [
        "recipes/a/model.py:3 compiles a model",
        "recipes/a/recipe.py: train ends at line 121",
        "recipes/b/recipe.py has 301 lines",
    ]


def test_recipes_read_as_lectures():
    assert list(house.hidden_lectures(house.ROOT)) == []


def test_the_list_of_public_names_sees_every_change(tmp_path):
    tree(
        tmp_path,
        {
            "keras_seq/__init__": '__all__ = ["__version__"]\n',
            "keras_seq/ops/__init__": '__all__ = ["lstm", "gru"]\n',
            "keras_seq/ops/_engine/__init__": '__all__ = ["run"]\n',
            "keras_seq/music/abc/__init__": '__all__ = ["parse"]\n',
            "keras_seq/extras": "def require():\n    def inner(): ...\n",
            "keras_seq/files": "_A = 1\nB = 2\n",
            "keras_seq/typing": "class Array: ...\nTensor: int = 3\n",
        },
    )
    assert listed(tmp_path) == [
        "keras_seq.extras.require",
        "keras_seq.files.B",
        "keras_seq.music.abc.parse",
        "keras_seq.ops.gru",
        "keras_seq.ops.lstm",
        "keras_seq.typing.Array",
        "keras_seq.typing.Tensor",
    ]


def test_the_public_names_are_those_listed():
    written = FILE.read_text("utf-8").splitlines()
    changed = list(difflib.unified_diff(written, listed(), "listed", "found", n=0))
    assert changed == [], (
        "the public names have changed; if they should, say so in CHANGELOG.md and "
        "renew the list with `python -m tests.public_names`"
    )
