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


def test_what_a_server_takes_for_no_version_is_none(tmp_path):
    for name in ("0002", "\u0663", str(2**63)):  # of 64 bits, in digits of ASCII
        (tmp_path / name).mkdir()
    (tmp_path / "4").write_text("a file")
    assert newest_version(tmp_path) == tmp_path / "0002"
