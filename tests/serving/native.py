"""The C program beside `check`, in tests that export something anyway."""

from keras_seq.serving import CheckReport, check_without_python
from keras_seq.serving._native import find_compiler


def replayed_in_c(path, report: CheckReport | None = None):
    """Replays an export in C where there is a compiler: all that `check` has asked."""
    if find_compiler() is None:
        return
    found = check_without_python(path)
    assert found
    if report is not None:
        assert {name: (r.requests, r.rows) for name, r in found.items()} == {
            name: (r.requests, r.rows) for name, r in report.signatures.items()
        }
