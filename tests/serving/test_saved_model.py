"""Finding the version that a server would load."""

import pytest

from keras_seq.serving import ServingError, check
from keras_seq.serving._saved_model import newest_version


def test_the_largest_number_is_the_newest(tmp_path):
    for name in ("1", "9", "10", "latest", ".11-0a1b.new", "12.old"):
        (tmp_path / name).mkdir()
    assert newest_version(tmp_path) == tmp_path / "10"


def test_no_version(tmp_path):
    (tmp_path / "latest").mkdir()
    with pytest.raises(ServingError, match=r"holds \['latest'\]"):
        check(tmp_path)
    with pytest.raises(ServingError, match="version folder"):
        check(tmp_path / "missing")
