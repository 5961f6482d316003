"""A lock on the folder of a run: one process at a time writes there."""

import contextlib
import errno
import os
import re
import secrets
import socket
import sys
import time
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has other locks
    fcntl = None  # type: ignore[assignment] # so that it is known below

# Who holds it is an attribute of the locked file, or, where there are none, the name
# of an empty folder: whatever looks for files finds neither.
_ATTRIBUTE = "user.keras_seq.in_use"
_WHO = re.compile(r"(?P<pid>\d+)\.(?P<since>\d{14})\.(?P<host>.+)")
_SINCE = "%Y%m%d%H%M%S"
_MARK = ".in-use."


class RunLock:
    """Holds a run's config.json locked, for as long as the object lives.

    The lock is the kernel's (`flock`), which frees it when the process ends,
    however it ends: one that is dead never keeps a run. On NFS it is the server's,
    and holds between machines too. Within a process there is one lock for a run,
    which all that ask for it share.

    Where the kernel has none for a file system, an empty folder stands for it, whose
    name says who made it: one of this machine's that isn't running any more, or whose
    number another program has, is free; one of another machine's somebody must remove.

    Args:
        folder: The folder of the run.
        settings: Content for config.json, which appears locked, and must not be
            there yet; None to lock the one that is there.

    Raises:
        BlockingIOError: If another process holds the lock; says which.
    """

    def __init__(self, folder: Path, settings: str | None = None) -> None:
        self._path = folder / "config.json"
        self._kernel = True
        if settings is None:
            self._hold(self._opened())
        else:
            self._hold(self._written(settings, new=True))
        _HELD.add(self)

    @classmethod
    def of(cls, folder: Path) -> "RunLock":
        """The lock of a run that is there: this process's, or a new one."""
        found = os.stat(folder / "config.json")
        for lock in _HELD:
            if os.path.samestat(os.fstat(lock._descriptor), found):
                return lock
        return cls(folder)

    def replace(self, settings: str) -> None:
        """Writes another config.json, which is locked as this one is."""
        older, descriptor = self._descriptor, self._written(settings, new=False)
        self._finalizer.detach()
        os.close(older)
        self._hold(descriptor)

    def _hold(self, descriptor: int) -> None:
        self._descriptor = descriptor
        _tell_of_another_host(descriptor)
        try:
            mark = _signed(descriptor, self._path.parent, self._kernel)
        except BaseException:
            os.close(descriptor)
            raise
        self._finalizer = weakref.finalize(
            self, _release, descriptor, mark, os.getpid()
        )

    def _opened(self) -> int:
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR)
            except OSError:  # a folder that may only be read
                descriptor = os.open(self._path, os.O_RDONLY)
            try:
                self._lock(descriptor)
                # Another may have replaced it between the two.
                found = os.stat(self._path)
                if os.path.samestat(os.fstat(descriptor), found):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _written(self, settings: str, *, new: bool) -> int:
        temporary = self._path.with_name(f".{secrets.token_hex(8)}.tmp.json")
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            self._lock(descriptor)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(settings.encode())
            os.fsync(descriptor)
            self._publish(temporary, new)
        except BaseException:
            os.close(descriptor)
            raise
        finally:
            temporary.unlink(missing_ok=True)
        return descriptor

    def _publish(self, temporary: Path, new: bool) -> None:
        if new:
            try:
                os.link(temporary, self._path)  # which replaces nothing
                return
            except FileExistsError:
                raise _in_use(self._path.parent) from None
            except OSError:  # not every file system can
                pass
        os.replace(temporary, self._path)

    def _lock(self, descriptor: int) -> None:
        try:
            if fcntl is None:
                raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            folder = self._path.parent
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise _in_use(folder) from None
            # Not every file system can.
            if (mark := _mark_of_another(folder)) is not None:
                raise _in_use(folder, mark) from None
            if not self._kernel:
                return  # it is told already
            self._kernel = False
            print(
                f"{os.fspath(self._path)!r} can't be locked ({error.strerror}): see to "
                "it that no second process writes there.",
                file=sys.stderr,
            )


_HELD: weakref.WeakSet[RunLock] = weakref.WeakSet()


def _host() -> str:
    return re.sub(r"[^\w.-]", "_", socket.gethostname())[:64] or "unknown"


def _signed(descriptor: int, folder: Path, kernel: bool) -> Path | None:
    """Says who holds the lock; returns the folder that says it, if one does.

    Where the kernel has no locks that folder is the lock. It is made first: of two
    processes that look at the same time at least one sees the other's.
    """
    who = f"{os.getpid()}.{time.strftime(_SINCE)}.{_host()}"
    mark = None
    try:
        if not kernel:
            raise OSError
        os.setxattr(descriptor, _ATTRIBUTE, who.encode())
    except (AttributeError, OSError):  # not every system can
        mark = folder / f"{_MARK}{who}"
        with contextlib.suppress(OSError):
            mark.mkdir()
        if not kernel and (other := _mark_of_another(folder)) is not None:
            with contextlib.suppress(OSError):
                mark.rmdir()
            raise _in_use(folder, other) from None
    for path in folder.glob(f"{_MARK}*"):
        if path != mark and (kernel or _is_dead(path)):
            with contextlib.suppress(OSError):
                path.rmdir()
    return mark


def _tell_of_another_host(descriptor: int) -> None:
    """Says who held the lock, if it was on another machine and hasn't let it go."""
    with contextlib.suppress(AttributeError, OSError, UnicodeDecodeError):
        said = _WHO.fullmatch(os.getxattr(descriptor, _ATTRIBUTE).decode("utf-8"))
        if said and said["host"] != _host():
            print(
                f"the run was in use by process {said['pid']} on {said['host']}, which "
                "has ended without a word: its lock is free, and is taken over.",
                file=sys.stderr,
            )


def _mark_of_another(folder: Path) -> Path | None:
    """The folder that says that another process is at work, if it is or may be."""
    for path in folder.glob(f"{_MARK}*"):
        said = _WHO.fullmatch(path.name.removeprefix(_MARK))
        if said is None or (said["host"], int(said["pid"])) == (_host(), os.getpid()):
            continue
        if not _is_dead(path):
            return path
    return None


def _is_dead(path: Path) -> bool:
    """Whether who made a mark was of this machine, and runs no more."""
    said = _WHO.fullmatch(path.name.removeprefix(_MARK))
    if said is None or said["host"] != _host():
        return False
    return not _runs_since(int(said["pid"]), said["since"])


def _runs_since(pid: int, since: str) -> bool:
    """Whether a process of this machine runs, and did at that time."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it is another user's
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
        begun = time.time() - up + int(stat[19]) / os.sysconf("SC_CLK_TCK")
        then = time.mktime(time.strptime(since, _SINCE))
    except (OSError, ValueError, IndexError):
        return True
    # Another program may have got its number since; the clock tells seconds only.
    return begun < then + 2


def _in_use(folder: Path, mark: Path | None = None) -> BlockingIOError:
    said = [path.name.removeprefix(_MARK) for path in folder.glob(f"{_MARK}*")]
    with contextlib.suppress(AttributeError, OSError):
        said.append(os.getxattr(folder / "config.json", _ATTRIBUTE).decode("utf-8"))
    found = [match for match in map(_WHO.fullmatch, said) if match]
    who = "another process"
    if found:
        last = max(found, key=lambda match: match["since"])
        since = time.strptime(last["since"], _SINCE)
        who = (
            f"process {last['pid']} on {last['host']}, since "
            f"{time.strftime('%Y-%m-%d %H:%M:%S', since)}"
        )
    dead = "" if mark is None else f" If it has died, remove {os.fspath(mark)!r}."
    return BlockingIOError(
        f"the run in {os.fspath(folder)!r} is in use by {who}: wait until it has "
        f"ended, or end it, or name another folder with --out.{dead}"
    )


def _release(descriptor: int, mark: Path | None, owner: int) -> None:
    if mark is not None and os.getpid() == owner:  # a fork holds nothing
        with contextlib.suppress(OSError):
            mark.rmdir()
    if os.getpid() == owner:
        with contextlib.suppress(AttributeError, OSError):
            os.removexattr(descriptor, _ATTRIBUTE)
    os.close(descriptor)
