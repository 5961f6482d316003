"""One process at a time writes to a run, and SIGTERM ends it as Ctrl-C does."""

import contextlib
import errno
import fcntl
import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from keras_seq.runs import RunDirectory, _lock, export_command
from keras_seq.runs._terminating import Terminated, terminable
from tests.runs.toy_recipe import Config

ROOT = Path(__file__).parents[2]

# Without the package around it, which takes seconds to import.
HOLDER = """
import importlib.util, pathlib, sys
spec = importlib.util.spec_from_file_location("lock", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
path = pathlib.Path(sys.argv[2])
begun = (path / "config.json").exists()
lock = module.RunLock.of(path) if begun else module.RunLock(path, "{}")
if "again" in sys.argv:
    lock.replace('{"seed": 2}')
print("held", flush=True)
sys.stdin.read()
"""


def command(folder, *arguments):
    return [sys.executable, "-c", HOLDER, _lock.__file__, str(folder), *arguments]


@contextlib.contextmanager
def held(folder, *arguments):
    """Another process holds a run's lock until it is killed."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command(folder, *arguments), **pipes) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def is_refused(folder):
    """Whether another process is refused."""
    done = subprocess.run(
        command(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout == "held\n") == (done.returncode == 0)
    return f"is in use by process {os.getpid()} on " in done.stderr


def test_a_second_process_is_refused_by_name(tmp_path):
    RunDirectory.start(tmp_path, Config())
    before = (tmp_path / "config.json").read_bytes()
    with held(tmp_path) as holder:
        who = f"process {holder.pid} on {socket.gethostname()}, since 20"
        for refused in (
            lambda: RunDirectory.check(tmp_path, resume=True),
            lambda: RunDirectory.start(tmp_path, Config(), resume=True),
            lambda: RunDirectory.start(tmp_path, Config(seed=2), overwrite=True),
            lambda: export_command(pytest.fail, "x")(run=str(tmp_path)),
        ):
            with pytest.raises(BlockingIOError, match=f"is in use by {who}"):
                refused()
        assert RunDirectory(tmp_path).config["seed"] == 1  # it can be read
        assert (tmp_path / "config.json").read_bytes() == before
        # It is dead now, and had no time to say so.
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        run = RunDirectory.start(tmp_path, Config(), resume=True)
        assert os.listdir(tmp_path) == ["config.json"]
        assert is_refused(tmp_path)
        del run
        gc.collect()
        with held(tmp_path, "again"), pytest.raises(BlockingIOError):
            # The config.json that replaced the other is as locked as that was.
            RunDirectory.start(tmp_path, Config(), overwrite=True)


def test_one_that_begins_replaces_none(tmp_path):
    with held(tmp_path):
        before = (tmp_path / "config.json").read_text()
        with pytest.raises(BlockingIOError):
            _lock.RunLock(tmp_path, "{}")
        assert (tmp_path / "config.json").read_text() == before
        assert os.listdir(tmp_path) == ["config.json"]


def test_within_a_process_it_is_shared(tmp_path):
    first = RunDirectory.start(tmp_path / "a", Config())
    again = RunDirectory.start(tmp_path / "a", Config(), resume=True)
    other = RunDirectory.start(tmp_path / "a", Config(seed=2), overwrite=True)
    (tmp_path / "a").rename(tmp_path / "b")
    moved = RunDirectory.start(tmp_path / "b", Config(seed=2), resume=True)
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    assert not is_refused(tmp_path / "c")  # a copy is another run
    del first, again, other
    gc.collect()
    assert is_refused(tmp_path / "b")
    del moved
    gc.collect()
    assert not is_refused(tmp_path / "b")


def test_where_files_have_no_attributes(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)
    run = RunDirectory.start(tmp_path, Config())
    mark = next(tmp_path.glob(".in-use.*"))
    dead = tmp_path / ".in-use.1.20200101000000.elsewhere"
    dead.mkdir()
    with pytest.raises(BlockingIOError, match=f"process {os.getpid()} on .*, since 20"):
        _lock.RunLock(tmp_path)  # another descriptor is another's
    del run
    gc.collect()
    assert not mark.exists()
    RunDirectory.start(tmp_path, Config(), resume=True)
    assert os.listdir(tmp_path) == ["config.json"]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
@pytest.mark.parametrize(
    ("pid", "since", "host", "free"),
    [
        (os.getppid(), "now", None, False),
        (os.getppid(), "20010101000000", None, True),  # another program's number
        (2**22 + 1, "now", None, True),  # no process has it
        (1, "20010101000000", "elsewhere", False),  # who knows?
    ],
)
def test_where_the_kernel_has_no_locks(
    tmp_path, monkeypatch, capsys, pid, since, host, free
):
    def unsupported(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(fcntl, "flock", unsupported)
    since = time.strftime(_lock._SINCE) if since == "now" else since
    mark = tmp_path / f".in-use.{pid}.{since}.{host or _lock._host()}"
    mark.mkdir()
    if free:
        lock = _lock.RunLock.of(tmp_path)
        (own,) = tmp_path.glob(".in-use.*")
        assert own.name.startswith(f".in-use.{os.getpid()}.")
        assert "can't be locked" in capsys.readouterr().err
        del lock
        gc.collect()
        assert os.listdir(tmp_path) == ["config.json"]
    else:
        named = rf"by process {pid} on .* If it has died, remove '.*\.in-use\.{pid}\."
        with pytest.raises(BlockingIOError, match=named):
            _lock.RunLock.of(tmp_path)
        assert mark.is_dir()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_two_at_the_same_moment_where_the_kernel_has_no_locks(tmp_path, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(fcntl, "flock", unsupported)
    (tmp_path / "config.json").write_text("{}")
    since = time.strftime(_lock._SINCE)
    other = tmp_path / f".in-use.{os.getppid()}.{since}.{_lock._host()}"
    mkdir = Path.mkdir

    def both(path):  # the other one, which has looked before too
        mkdir(path)
        mkdir(other)

    monkeypatch.setattr(Path, "mkdir", both)
    with pytest.raises(BlockingIOError, match=f"by process {os.getppid()} on"):
        _lock.RunLock.of(tmp_path)
    assert list(tmp_path.glob(".in-use.*")) == [other]


def test_a_lock_that_another_machine_has_left_is_told(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text("{}")
    try:
        os.setxattr(path, _lock._ATTRIBUTE, b"7.20260101000000.elsewhere")
    except (AttributeError, OSError):
        pytest.skip("files have no attributes here")
    for told in (1, 0):  # what has ended in peace is silent
        lock = _lock.RunLock.of(tmp_path)
        assert capsys.readouterr().err.count("by process 7 on elsewhere") == told
        del lock
        gc.collect()
    assert _lock._ATTRIBUTE not in os.listxattr(path)


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_ends_a_block_once():
    cleared = []

    def work():
        with terminable():
            try:
                terminate()
            finally:
                terminate()  # Slurm may send it twice
                cleared.append(True)

    with pytest.raises(Terminated):
        work()
    assert cleared == [True]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_in_another_thread_nothing_is_changed():
    found = []

    def work():
        with terminable():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]


def test_sigterm_that_a_library_makes_another_error_of():
    def work():
        with terminable():
            try:
                terminate()
            except KeyboardInterrupt:
                raise ZeroDivisionError from None

    with pytest.raises(Terminated):
        work()


def test_sigterm_that_falls_into_a_destructor():
    class Last:
        def __del__(self):
            terminate()
            time.sleep(0.01)

    def work():
        with terminable():
            last = Last()
            del last
            time.sleep(30)

    started = time.monotonic()
    with pytest.raises(Terminated):
        work()
    assert time.monotonic() - started < 20


def test_control_c_that_falls_into_a_callback_of_the_garbage_collector():
    """As one of JAX's, where Keras has imported that."""

    def callback(phase, info):
        if phase == "start":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    def work():
        with terminable():
            gc.callbacks.append(callback)
            gc.collect()
            gc.callbacks.remove(callback)
            time.sleep(30)

    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            work()
    finally:
        if callback in gc.callbacks:
            gc.callbacks.remove(callback)
    assert not isinstance(caught.value, Terminated)
    assert time.monotonic() - started < 20


def test_sigterm_has_its_own_exit_status(tmp_path):
    process = subprocess.run(
        [sys.executable, "-m", "tests.runs.toy_recipe", "--data", "terminate"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 143, process.stderr
    last = process.stderr.splitlines()[-1]
    assert last == "terminated. What is done is kept; --resume continues it."
    assert "Traceback" not in process.stderr
