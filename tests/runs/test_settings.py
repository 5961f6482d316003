import types

import pytest

from keras_seq.runs import check_settings


@pytest.mark.parametrize(
    ("kind", "good", "bad", "message"),
    [
        ("at_least_1", [1, 7, None], [0, -1], "at least 1"),
        ("shares", [0, 0.5, 0.999], [1, -0.1, float("nan")], "in [0, 1)"),
        ("above_0", [1e-9, 3], [0, -1, float("inf"), float("nan")], "above 0"),
        ("seeds", [0, 2**31 - 1], [-1, 2**31], "in [0, 2**31)"),
    ],
)
def test_ranges(kind, good, bad, message):
    for value in good:
        check_settings(types.SimpleNamespace(x=value), **{kind: ["x"]})
    for value in bad:
        with pytest.raises(ValueError) as error:
            check_settings(types.SimpleNamespace(x=value), **{kind: ["x"]})
        assert str(error.value).startswith(f"`x` must be {message}")
        assert str(error.value).endswith(f"received {value!r}.")
