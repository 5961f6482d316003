"""The proof without Python: replay.c, compiled and run on an exported model."""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import tensorflow as tf

from keras_seq.serving._errors import ServingError
from keras_seq.serving._ops import inspect
from keras_seq.serving._replay import SignatureReport
from keras_seq.serving._saved_model import newest_version, read_meta_graph
from keras_seq.serving._session import text_libraries

SOURCE = Path(__file__).with_name("replay.c")
COMPILERS = ("cc", "gcc", "clang")


def find_compiler() -> str | None:
    """The C compiler of this machine; None if there is none."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def check_without_python(
    path: str | os.PathLike[str], *, tolerance: float = 1e-5
) -> dict[str, SignatureReport]:
    """Replays the warm-up requests of an exported model in a program written in C.

    The program, `replay.c` beside this module, is compiled against TensorFlow's C
    library and headers, as they come with TensorFlow's own wheel. It holds no Python:
    it loads the newest version, asks every recorded request, and compares the answers
    with those that were recorded at export: strings and integers exactly, floats
    within `tolerance`, absolute and relative.

    Args:
        path: The `saved_model` folder, which holds version folders.
        tolerance: Largest difference between floats.

    Returns:
        A `SignatureReport` for each signature. Rows aren't asked alone, so that
        `row_difference` is None.

    Raises:
        ServingError: If there is no C compiler (`cc`, `gcc` or `clang`), the program
            can't be compiled, or the model doesn't load or answers otherwise.

    Example:

    >>> import shutil
    >>> import tempfile
    >>> import tensorflow as tf
    >>> from keras_seq.serving import Signature, export
    >>> shout = Signature(
    ...     lambda text: {"loud": tf.strings.upper(text)},
    ...     {"text": tf.TensorSpec([None], tf.string)},
    ...     examples=[{"text": ["a", "b"]}],
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = export([], folder, {"serving_default": shout})
    ...     if shutil.which("cc"):
    ...         report = check_without_python(folder)
    ...         assert report["serving_default"].rows == 2
    """
    if not 0 <= tolerance < math.inf:
        raise ValueError(
            f"`tolerance` must be finite and at least 0; received {tolerance!r}."
        )
    directory = newest_version(path)
    compiler = find_compiler()
    if compiler is None:
        raise ServingError(
            "Nothing was replayed without Python",
            [f"there is no C compiler here; looked for {', '.join(COMPILERS)}"],
        )
    inspection = inspect(read_meta_graph(directory))
    ops = text_libraries() if inspection.text_ops else []
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "replay")
        _compile(compiler, program)
        ran = subprocess.run(
            [program, directory.resolve(), repr(float(tolerance)), *ops],
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
        )
    lines = ran.stdout.splitlines()
    mark = "wrong: "
    problems = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    if ran.returncode not in (0, 1, 2):
        last = "; ".join(ran.stderr.strip().splitlines()[-3:])
        problems.append(f"the program ended with {ran.returncode}: {last}")
    if ran.returncode or problems:
        raise ServingError(f"{directory} does not serve without Python", problems)
    reports = {}
    for line in lines:
        name, requests, rows, difference = line.rsplit("\t", 3)
        reports[name] = SignatureReport(
            int(requests), int(rows), float(difference), None
        )
    return dict(sorted(reports.items()))


def _compile(compiler: str, program: Path) -> None:
    folder = Path(tf.sysconfig.get_lib())
    libraries = sorted(folder.glob("libtensorflow_*.*"))
    if sys.platform == "linux":
        libraries = [_stand_in(compiler, program.parent, libraries[0].name)]
    headers = f"-I{tf.sysconfig.get_include()}"
    rpath = f"-Wl,-rpath,{folder}"
    _run(compiler, headers, rpath, "-o", program, SOURCE, *libraries, "-lm")


def _stand_in(compiler: str, folder: Path, name: str) -> Path:
    """A library to link with that has TensorFlow's name and the functions called.

    A linker takes seconds to read the names in TensorFlow's own gigabyte. The
    program loads that one, from `rpath`, when it starts.
    """
    called = sorted(set(re.findall(r"\bTF_[A-Z]\w*(?=\()", SOURCE.read_text("utf-8"))))
    source = folder / "stand_in.c"
    source.write_text("".join(f"void {f}(void) {{}}\n" for f in called))
    soname = f"-Wl,-soname,{name}"
    _run(compiler, "-shared", "-fPIC", soname, "-o", folder / name, source)
    return folder / name


def _run(compiler: str, *arguments: str | Path) -> None:
    ran = subprocess.run(
        [compiler, "-std=c11", "-O1", *arguments], capture_output=True, text=True
    )
    if ran.returncode:
        raise ServingError(
            f"{SOURCE.name} was not compiled by {compiler}",
            ran.stderr.strip().splitlines()[:5],
        )
