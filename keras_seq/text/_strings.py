"""Batches of strings, as they are given to TensorFlow."""

from collections.abc import Iterable


def utf8(texts: Iterable[str]) -> list[bytes]:
    """Bytes of strings, with ? for what is no character."""
    return [text.encode("utf-8", "replace") for text in texts]


def strings(name: str, texts: Iterable[str]) -> list[str]:
    """The texts as a list; not the letters of one text."""
    if isinstance(texts, str):
        raise ValueError(
            f"`{name}` must be a list of strings; received the string {texts!r}."
        )
    return list(texts)
