"""Bytes of files as text: the encoding is known, or what isn't text is named."""

import codecs
import io
import itertools
import re
from collections.abc import Iterable, Iterator

from keras_seq.files import check_encoding
from keras_seq.text.normalising import normalise

# The longest first: UTF-32's begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LOOKED_AT = 4096  # bytes, for zeros
_MARK = "\ufeff"
# Of no width: spaces, joiners, and marks of direction.
INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
)
# Which of every four bytes are mostly 0, in text with ASCII in it.
_ZEROS = {
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
}

# What files that are no UTF-8 are tried as, and the names that people know.
_CANDIDATES = {"cp1252": "Windows-1252", "big5": "Big5"}
# The letters beyond ASCII that a language of Western Europe is written with.
_ALPHABETS = (
    "àâæçéèêëîïôœùûü",  # French, and English's loan words
    "äöüßéèà",  # German
    "áéíóúüñçàèòï",  # Spanish, Catalan
    "áâãàçéêíóôõúü",  # Portuguese
    "àèéìíîòóùú",  # Italian
    "åäöæøéèüóô",  # Danish, Norwegian, Swedish, Finnish
    "áéèëêïíóöúü",  # Dutch
)
_BETWEEN = "’–—…·\u2027"  # signs that stand between letters
_OPENING, _CLOSING = "‘“«‹„‚¿¡", "”»›"
_SIGNS = _BETWEEN + _OPENING + _CLOSING + "•€£¢§©®™°½¼¾×ªº\xa0\u3000"
_WORD = re.compile(r"[^\W\d_]+")


def decoded(name: str, data: bytes, encoding: str | None = None) -> str:
    r"""The text of a file, without a byte order mark.

    Args:
        name: Name of the file, for the message.
        data: What is in it.
        encoding: Its encoding; None for UTF-8, or UTF-16 or UTF-32 if it begins with
            their byte order mark.

    Returns:
        The text, its ends of lines as they are.

    Raises:
        ValueError: If it isn't in this encoding; with file, line and byte. What looks
            like UTF-16 or UTF-32 without a mark is called so.

    Example:

    >>> decoded("table.csv", b"a,b\r\n1,2\n")
    'a,b\r\n1,2\n'
    """
    check_encoding(encoding)
    encoding = encoding or marked(data)
    if not encoding:
        _refuse_wide(name, data)
    # What is large isn't copied for the sake of its mark.
    mark = 0 if encoding else 3 * data.startswith(codecs.BOM_UTF8)
    try:
        text = str(memoryview(data)[mark:], encoding or "utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, mark + error.start) + 1
        raise ValueError(_message(name, line, mark, error, encoding)) from error
    except UnicodeError as error:  # as UTF-16's, without a place
        raise ValueError(f"{name}: expected {encoding}: {error}.") from error
    return text.removeprefix(_MARK)


def decoded_lines(name: str, data: bytes, encoding: str | None = None) -> list[str]:
    r"""The lines of a file, without their ends.

    Lines end with "\n" or "\r\n"; where there is no "\n", with "\r".

    Args:
        name: Name of the file, for the message.
        data: What is in it.
        encoding: Its encoding; None for UTF-8.

    Raises:
        ValueError: If it isn't in this encoding; with file, line and byte.

    Example:

    >>> decoded_lines("texts.txt", b"one\r\ntwo\n")
    ['one', 'two']
    """
    return list(lines_of(name, io.BytesIO(data), encoding))


def lines_of(
    name: str, raw: Iterable[bytes], encoding: str | None = None
) -> Iterator[str]:
    r"""The lines of a file, one after the other.

    Args:
        name: Name of the file, for the message.
        raw: Its bytes, cut behind each "\n", as a file that is open gives them.
        encoding: Its encoding; None for UTF-8.

    Yields:
        As `decoded_lines`.
    """
    check_encoding(encoding)
    pieces = iter(raw)
    first = next(pieces, b"")
    pieces = itertools.chain([first], pieces)
    found = encoding or marked(first)
    if found and not _is_like_ascii(found):
        text = decoded(name, b"".join(pieces), found)
        yield from _split(text)
        return
    if encoding is None:
        _refuse_wide(name, first)
    offset = 0
    for number, piece in enumerate(pieces, start=1):
        try:
            line = piece.decode(encoding or "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(_message(name, number, offset, error, encoding)) from error
        offset += len(piece)
        if number == 1 and not line.endswith("\n"):  # the whole file
            yield from _split(line.removeprefix(_MARK))
        elif line:
            # A mark within is left where files were put together.
            yield line.removesuffix("\n").removesuffix("\r").removeprefix(_MARK)


def encoding_note(source: str, start: bytes, encoding: str | None) -> list[str]:
    """A note of the encoding that a file's byte order mark names, if it isn't UTF-8."""
    found = marked(start)
    if encoding is not None or not found:
        return []
    return [f"{source} is read as {found.upper()}, as its byte order mark says"]


def marked(data: bytes) -> str:
    """UTF-16 or UTF-32 by its byte order mark; "" if bytes begin with neither."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            return encoding
    return ""


def _unmarked(data: bytes) -> str | None:
    """The name of the encoding, if bytes look like UTF-16 or UTF-32; else None."""
    start = data[:_LOOKED_AT]
    start = start[: len(start) // 4 * 4]
    if len(start) < 8 or 4 * start.count(0) < len(start):
        return None
    zeros = tuple(2 * start[i::4].count(0) > len(start) // 4 for i in range(4))
    return next((found for places, found in _ZEROS.items() if places == zeros), None)


def western_text(data: bytes) -> tuple[str, str] | None:
    """Text that isn't UTF-8 and can be one other thing alone, and what that is.

    A file with UTF-8's sequences in it is UTF-8 with a mistake. Any other is tried in
    a few encodings, in which it must be mostly ASCII, with typographic signs where
    they belong and letters of one Western European alphabet inside words.

    Args:
        data: Bytes of a file.

    Returns:
        The text and the name of its encoding; None if nothing, or more than one
        thing, makes sense.
    """
    if b"\0" in data or not data.decode("utf-8", "ignore").isascii():
        return None
    found = {}
    for encoding, name in _CANDIDATES.items():
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _makes_sense(text):
            found[name] = text
    if len(found) != 1:
        return None
    [(name, text)] = found.items()
    return text, name


def _makes_sense(text: str) -> bool:
    letters = set()
    for match in re.finditer(r"[^\x00-\x7f]", text):
        place, character = match.start(), match.group()
        before, after = text[place - 1 : place] or " ", text[place + 1 : place + 2]
        if character in _SIGNS:
            if before.isalpha() and after.isalpha() and character not in _BETWEEN:
                return False
            if character in _OPENING and before.isalpha():
                return False
            if character in _CLOSING and after.isalpha():
                return False
        elif character.isalpha() and not (character.isupper() and before.islower()):
            letters.add(character.lower())
        else:
            return False
    if not any(letters <= set(alphabet) for alphabet in _ALPHABETS):
        return False
    for word in _WORD.findall(text) if letters else ():
        foreign = sum(not letter.isascii() for letter in word)
        if 2 * foreign > len(word) and len(word) > 1:
            return False
    return True


def _is_like_ascii(encoding: str) -> bool:
    """Whether lines can be told apart before they are decoded."""
    return "a\n".encode(encoding) == b"a\n" and encoding.lower() != "utf-7"


def _split(text: str) -> Iterator[str]:
    """The lines of a text. Not `splitlines`, which breaks at more than line breaks."""
    ends = "\n" if "\n" in text else "\r"
    lines = text.split(ends)
    if lines[-1] == "":
        lines.pop()
    return (line.removesuffix("\r").removeprefix(_MARK) for line in lines)


def _message(
    name: str, line: int, offset: int, error: UnicodeDecodeError, encoding: str | None
) -> str:
    hint = "" if encoding else " `encoding` says what else the file is in."
    return (
        f"{name}:{line}: expected {encoding or 'UTF-8'}; received the byte "
        f"0x{error.object[error.start]:02X} at {offset + error.start}, counted from 0 "
        f"at the beginning of the file.{hint}"
    )


def _refuse_wide(name: str, data: bytes) -> None:
    if found := _unmarked(data):
        raise ValueError(
            f"{name}:1: expected UTF-8; received {found.upper()}, as its many NUL "
            f"bytes say (it begins with the bytes 0x{data[0]:02X} 0x{data[1]:02X}). "
            f'Give "{found}" as `encoding`.'
        )


_AT_ENDS = re.compile(f"^[ {INVISIBLE}]+|[ {INVISIBLE}]+$")


def cleaned(label: str) -> str:
    """A label, or a name in a header, as it is compared: in NFC, and without space or
    invisible characters at its ends.
    """
    return _AT_ENDS.sub("", normalise(label))
