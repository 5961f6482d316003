"""Image files as `decode_image` reads them rightly, whatever their kind."""

import io
import os
import stat
import struct
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from keras_seq.extras import require
from keras_seq.files import foreign_kind, markup_kind

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 2**29  # of a file
MOST_PIXELS = 2**26  # of an image: a little fewer than Pillow warns of
# Of all that Pillow opens: for some it would start another program.
_KINDS = (
    *("PNG", "JPEG", "MPO", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000"),
    *("PPM", "ICO", "TGA"),
)
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_TURNED = (b"eXIf", b"Raw profile type")  # where a PNG says how it is to be turned
# What Pillow's plugins raise: whatever comes of reading what isn't there.
_BROKEN = (
    *(OSError, ValueError, SyntaxError, IndexError, TypeError, KeyError),
    *(EOFError, OverflowError, struct.error),
)
_HEIC = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_WHITE = (255, 255, 255, 255)


def readable_image(path: str | os.PathLike[str]) -> bytes:
    """The content of an image file, as a PNG where TensorFlow would misread it.

    Its decoders take a BMP's palette for greys, know no transparent colour of a GIF
    and no WebP with opacity, and turn no PNG or WebP as its EXIF says. What is no
    JPEG and no plain PNG is therefore decoded by Pillow: GIF, BMP, WebP, TIFF and some
    more; upright, on white, of several frames the first, with 8 bits a colour.

    Args:
        path: The file.

    Returns:
        The content that `decode_image` takes; the file's own if it is read rightly.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it isn't a whole image, or too large.
        ImportError: If Pillow is needed and missing.

    Example:

    >>> import tempfile
    >>> from PIL import Image
    >>> from keras_seq.vision import decode_image
    >>> with tempfile.NamedTemporaryFile(suffix=".gif") as file:
    ...     Image.new("P", (1, 1)).save(file.name, transparency=0)
    ...     decode_image(readable_image(file.name)).numpy().tolist()
    [[[255.0, 255.0, 255.0]]]
    """
    path = Path(path)
    about = path.stat()
    if about.st_size > MOST_BYTES:
        raise ValueError(
            f"{str(path)!r} must have at most {MOST_BYTES} bytes; it has "
            f"{about.st_size}."
        )
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        raise ValueError(f"{str(path)!r} must be a file; received a pipe or a device.")
    content = path.read_bytes()
    if not content:
        raise ValueError(f"{str(path)!r} is not a whole image: Input is empty.")
    images = require("PIL.Image", "recipes")
    turn = require("PIL.ImageOps", "recipes").exif_transpose
    plain = content.startswith(_PNG) and not any(mark in content for mark in _TURNED)
    images.init()
    known = [kind for kind in _KINDS if kind in images.OPEN]
    try:
        with images.open(io.BytesIO(content), formats=known) as image:
            columns, rows = image.size
            if columns * rows > MOST_PIXELS:
                raise images.DecompressionBombError(
                    f"it must have at most {MOST_PIXELS} pixels; received {columns} x "
                    f"{rows}"
                )
            if plain or content.startswith(_JPEG):
                return content
            image.load()
            upright = _in_8_bits(images, turn(image))
            if not upright.has_transparency_data:
                upright = upright.convert("RGB")  # of some modes there is no other way
            upright = upright.convert("RGBA")
    except images.DecompressionBombError as error:
        raise ValueError(f"{str(path)!r} is not a whole image: {error}") from error
    except _BROKEN as error:
        if plain or content.startswith(_JPEG):
            return content  # TensorFlow says what is wrong
        unknown = isinstance(error, images.UnidentifiedImageError)
        reason = _kind(content) if unknown else error
        raise ValueError(f"{str(path)!r} is not a whole image: {reason}") from error
    white = images.new("RGBA", upright.size, _WHITE)
    found = io.BytesIO()
    images.alpha_composite(white, upright).convert("RGB").save(
        found, "PNG", compress_level=1
    )
    return found.getvalue()


def _kind(content: bytes) -> str:
    """What isn't an image that is read, in words."""
    start = content[:600].decode("latin-1")
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
        return "it is HEIC, which isn't read: save it as JPEG"
    if content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"avis"):
        return "it is AVIF, which isn't read: save it as JPEG"
    if "<svg" in start:
        return "it is SVG, which isn't read: save it as PNG"
    found = foreign_kind(content[:64]) or markup_kind(start)
    return f"it is {found}" if found else "of no kind that is known"


def _in_8_bits(images: ModuleType, image: "Image") -> "Image":
    """Greys of 16 bits cut to 8, which Pillow would clip; else the image itself."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        return images.fromarray((values >> 8).astype("uint8"))
    if values.size and values.max() > 255:  # whole numbers of 32 bits
        values = values / 257
    return images.fromarray(np.clip(values, 0, 255).astype("uint8"))
