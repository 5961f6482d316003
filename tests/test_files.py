import os
import stat
import subprocess
import sys

import pytest

from keras_seq._files import atomic_write


def test_text_is_written_as_it_is(tmp_path):
    path = atomic_write(tmp_path / "tune.abc", "T:Bórd\r\nK:C\n")
    assert path == tmp_path / "tune.abc"
    assert path.read_bytes() == "T:Bórd\r\nK:C\n".encode()
    assert os.listdir(tmp_path) == ["tune.abc"]


def test_new_file_has_the_permissions_that_open_gives(tmp_path):
    (tmp_path / "opened").write_bytes(b"")
    path = atomic_write(tmp_path / "written", b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "opened").stat().st_mode
    )


def test_replaced_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o604)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to("target")
    atomic_write(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "file"
    path.write_bytes(b"old")
    # A limit on the size of files fails a write as a full disk does.
    code = (
        "import resource, signal, sys\n"
        "from keras_seq._files import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    atomic_write(sys.argv[1], bytes(100_000))\n"
        "except OSError as error:\n"
        "    print(type(error).__name__)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout.strip() == "OSError"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_folder_and_missing_folder_are_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="`path` must name a file"):
        atomic_write(tmp_path, b"")
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "missing" / "file", b"")
    assert os.listdir(tmp_path) == []
