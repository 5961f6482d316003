"""The C program beside `check`, in tests that export something anyway."""

from keras_seq.serving import CheckReport, check_without_python
from keras_seq.serving._native import find_compiler


def replayed_in_c(path, asked: CheckReport | set[str] | None = None):
    """Replays an export in C where there is a compiler, else gives nothing.

    Args:
        path: The folder of the export.
        asked: What `check` has found, of which all is asked again; or the names of
            the signatures that have recorded requests.
    """
    if find_compiler() is None:
        return {}
    found = check_without_python(path)
    assert found
    if isinstance(asked, set):
        assert set(found) == asked
    elif asked is not None:
        assert {name: (r.requests, r.rows) for name, r in found.items()} == {
            name: (r.requests, r.rows) for name, r in asked.signatures.items()
        }
    return found
