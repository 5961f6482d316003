"""Folders are walked through once, links followed where they lead elsewhere."""

import os

import pytest

from keras_seq._folders import walk


def files(folder, **options):
    return {
        os.path.relpath(os.path.join(place, name), folder)
        for place, names in walk(folder, **options)
        for name in names
    }


@pytest.fixture
def tree(tmp_path):
    for path in ("c/train/a", "c/test/b", "c/.hidden/h", "c/lost+found/l", "else/e/x"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    return tmp_path / "c"


def test_links_to_what_is_there_anyway_hide_nothing(tree):
    (tree / "dev").symlink_to("test", target_is_directory=True)
    (tree / "aa").symlink_to(tree / "train", target_is_directory=True)
    assert files(tree) == {"train/a", "test/b"}


def test_links_elsewhere_are_followed_and_those_back_are_not(tree):
    (tree / "more").symlink_to(tree.parent / "else", target_is_directory=True)
    (tree / "up").symlink_to(tree.parent, target_is_directory=True)
    (tree.parent / "else" / "e" / "loop").symlink_to(tree, target_is_directory=True)
    assert files(tree) == {"train/a", "test/b", "more/e/x"}


def test_a_folder_that_is_not_there(tree):
    for strict in (False, True):
        with pytest.raises(FileNotFoundError):
            files(tree / "none", strict=strict)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root")
def test_what_cannot_be_read(tree):
    (tree / "train").chmod(0)
    try:
        assert files(tree, strict=False) == {"test/b"}
        with pytest.raises(PermissionError):
            files(tree)
    finally:
        (tree / "train").chmod(0o700)
