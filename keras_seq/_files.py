"""Writing a file whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def atomic_write(path: str | os.PathLike[str], data: bytes | str) -> Path:
    """Writes `data` to `path`, so that a reader sees the old file or the new.

    The data go to a temporary file in the same folder, which then takes the
    name. When anything fails on the way (a full disk, an interrupt), the
    temporary file is removed and the old content stays. A symbolic link stays
    a link: the file it points to is replaced. Data are not flushed to the
    device, so the guarantee is against a failing program, not a power cut.

    Args:
        path: File to write; its folder must exist.
        data: Content; text is written as UTF-8, its newlines as they are.

    Returns:
        `path` as a `pathlib.Path`.

    Raises:
        OSError: If the folder is missing or the file cannot be written.

    Example:

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = atomic_write(folder.name + "/tune.abc", "X:1\\nK:C\\n")
    >>> path.read_bytes()
    b'X:1\\nK:C\\n'
    >>> folder.cleanup()
    """
    path = Path(path)
    content = data.encode("utf-8") if isinstance(data, str) else data
    target = path.resolve()
    if target.is_dir():
        raise IsADirectoryError(f"`path` must name a file; {str(path)!r} is a folder.")
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        # "x" keeps the permissions that the user's umask gives a new file,
        # which tempfile's private mode would not.
        with open(temporary, "xb") as file:
            file.write(content)
        with contextlib.suppress(FileNotFoundError):
            temporary.chmod(target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
