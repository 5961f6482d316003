"""Batches of strings, as they are given to TensorFlow."""

from collections.abc import Iterable, Mapping


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


def limited_notes(
    notes: Mapping[str, str], characters: int, *names: str
) -> dict[str, str]:
    """The notes of a served model, with the limit of its texts.

    Args:
        notes: Dict from names of inputs and outputs to what they mean.
        characters: Characters that a text may have.
        *names: The names of texts.
    """
    limit = f"; at most {characters} characters, and what isn't UTF-8 becomes U+FFFD"
    return {n: note + limit if n in names else note for n, note in notes.items()}
