"""Files are written whole or not at all, whatever happens on the way."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from keras_seq.files import (
    atomic_write,
    is_leftover,
    remove_leftovers,
    replacing,
    unique_object,
)

ROOT = Path(__file__).parents[1]


def contents(folder):
    """Every path below `folder`, and what the files hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", b""),
        (b"\x00\xff\r\n", b"\x00\xff\r\n"),
        ("", b""),
        ("é\r\n\U0001f600\n", b"\xc3\xa9\r\n\xf0\x9f\x98\x80\n"),
        (b"x" * 3_000_000, b"x" * 3_000_000),
    ],
    ids=["no bytes", "bytes", "no text", "text", "many bytes"],
)
def test_a_new_file_and_an_old_one(tmp_path, data, expected):
    path = tmp_path / "file.txt"
    for before in (None, b"old"):
        if before is not None:
            path.write_bytes(before)
        assert atomic_write(str(path), data) == path
        assert contents(tmp_path) == {"file.txt": expected}


def test_the_mode(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    path = atomic_write(tmp_path / "new", "text")
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o640)
    atomic_write(path, "text")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    link.symlink_to(target)
    for text in ("made through the link", "replaced through the link"):
        atomic_write(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert sorted(contents(tmp_path)) == ["elsewhere", "elsewhere/target", "link"]


def test_a_reader_keeps_what_it_has_opened(tmp_path):
    path = atomic_write(tmp_path / "file", "old content")
    with open(path) as reader:
        assert reader.read(3) == "old"
        atomic_write(path, "new")
        assert reader.read() == " content"
    assert path.read_text() == "new"


class Unexpected(Exception):
    """Nothing that anyone has thought of."""


@pytest.mark.parametrize("error", [Unexpected, KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("old", [None, b"old"])
def test_when_writing_fails_the_old_content_stays(tmp_path, error, old):
    path = tmp_path / "model.keras"
    if old is not None:
        path.write_bytes(old)
    before = contents(tmp_path)

    def half_a_file():
        with replacing(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.suffix == ".keras"
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        half_a_file()
    assert contents(tmp_path) == before


def test_control_c_in_the_middle_of_a_write(tmp_path):
    path = atomic_write(tmp_path / "file", "old")

    def interrupted():
        with replacing(path) as temporary, open(temporary, "wb") as file:
            file.write(b"half of ")
            file.flush()
            os.kill(os.getpid(), signal.SIGINT)
            file.write(b"the content")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == {"file": b"old"}


def test_a_block_that_writes_nothing(tmp_path):
    path = atomic_write(tmp_path / "file", "old")

    def nothing(target):
        with replacing(target):
            pass

    for target in (path, tmp_path / "new"):
        with pytest.raises(FileNotFoundError):
            nothing(target)
    assert contents(tmp_path) == {"file": b"old"}


FULL_DISK = """
import resource, sys
from keras_seq.files import atomic_write
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for name, size in (("small", 50_000), ("old", 300_000), ("new", 300_000)):
    try:
        atomic_write(f"{sys.argv[1]}/{name}", b"x" * size)
    except OSError as error:
        print(name, error.strerror)
"""


def test_a_full_disk(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "old File too large\nnew File too large\n"
    assert contents(tmp_path) == {"old": b"old", "small": b"x" * 50_000}


def test_nothing_takes_the_place_of_a_device_or_a_pipe(tmp_path):
    (tmp_path / "null").symlink_to(os.devnull)
    os.mkfifo(tmp_path / "pipe")
    for name in ("null", "pipe"):
        with pytest.raises(OSError, match=f"`path` must name a file.*{name}"):
            atomic_write(tmp_path / name, "text")
    assert Path(os.devnull).is_char_device()
    assert (tmp_path / "pipe").is_fifo()
    assert len(list(tmp_path.iterdir())) == 2


def test_what_cannot_be_written(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    before = contents(tmp_path)
    for name, error in (
        ("folder", IsADirectoryError),
        ("missing/file", FileNotFoundError),
        ("file/below", NotADirectoryError),
        ("n" * 300, OSError),
    ):
        with pytest.raises(error):
            atomic_write(tmp_path / name, "text")
    with pytest.raises(ValueError, match="surrogates not allowed"):
        atomic_write(tmp_path / "file", "\ud800")
    with pytest.raises(TypeError):
        atomic_write(tmp_path / "file", 3)
    assert contents(tmp_path) == before


def test_a_folder_where_nothing_may_be_written():
    # Not even root may, where the kernel makes the files.
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    with pytest.raises(OSError):
        atomic_write("/proc/self/file", "text")


KILLED = """
import os, signal, sys
from keras_seq.files import replacing
with replacing(sys.argv[1] + "/history.csv") as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_leaves_is_known_and_removed(tmp_path):
    below = tmp_path / "run" / "checkpoints"
    below.mkdir(parents=True)
    (below / "history.csv").write_text("old")
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(below)], cwd=ROOT, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    assert (below / "history.csv").read_text() == "old"
    (leftover,) = [path for path in below.iterdir() if is_leftover(path)]
    assert leftover.read_text() == "half"
    others = [".hidden.tmp", ".0123456789abcdef", "0123456789abcdef.tmp", "x.tmp.csv"]
    others += [".0123456789abcdeX.tmp.csv", ".0123456789abcdef.tmpfile"]
    for name in others:
        (tmp_path / "run" / name).touch()
        assert not is_leftover(tmp_path / "run" / name)
    remove_leftovers(tmp_path / "run")
    left = {path.name for path in (tmp_path / "run").rglob("*")}
    assert left == {"checkpoints", "history.csv", *others}
    remove_leftovers(tmp_path / "missing")


def test_an_object_whose_names_differ():
    def read(text):
        return json.loads(text, object_pairs_hook=unique_object)

    assert read('{"a": {"b": 1}, "c": []}') == {"a": {"b": 1}, "c": []}
    many = "".join(f'"k{i}": 0, ' for i in range(100_000))
    for names, shown in (('"a": 1, "b": 2, "a": 3', "['a']"), (f'{many}"k7": 1', "k7")):
        with pytest.raises(ValueError, match="names that differ") as caught:
            read(f"{{{names}}}")
        assert shown in str(caught.value)
