"""Bytes of an ABC file to text, whatever wrote them."""

import codecs
import re

# The order matters: the UTF-32 mark begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"^(?:%%|I:)\s*abc-charset\s+([\w.:-]+)", re.MULTILINE)
# \x1a is how CP/M and MS-DOS ended a text file.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x19\x1c-\x1f]")


def decode(data: bytes) -> str:
    r"""Decodes the bytes of a text file and makes every line end in `\n`.

    A byte order mark decides. Without one it is UTF-8 if the bytes are valid
    UTF-8, else the character set that the file declares
    (`%%abc-charset`, ABC 2.1 section 2.2), else Windows-1252, else Latin-1.

    Args:
        data: The content of a file.

    Returns:
        The text, without byte order marks.

    Raises:
        ValueError: If the bytes are not text.
    """
    text = _decode(data).replace("\ufeff", "").rstrip("\x1a")
    # Text mode on the wrong system has written \r\r\n, which is one line end.
    return re.sub("\r*\n|\r", "\n", text)


def _decode(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"expected {encoding}, as its byte order mark says, came "
                    f"{error.reason} at byte {error.start}"
                ) from error
    binary = _BINARY.search(data)
    if binary:
        raise ValueError(
            f"expected text, came byte {data[binary.start()]:#04x} at {binary.start()}"
        )
    declared = _DECLARED.search(data)
    names = ["utf-8", declared[1].decode("ascii") if declared else "", "cp1252"]
    for name in names:
        try:
            if name:
                return data.decode(name)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("latin-1")
