"""Image files to pixels, inside the graph."""

import numbers
import os
import typing
from collections.abc import Callable

import numpy as np

from keras_seq.extras import require
from keras_seq.text._autograph import unconverted
from keras_seq.typing import Array, Tensor
from keras_seq.vision._headers import EXIF_WITHIN, KINDS, checked_picture
from keras_seq.vision.image_files import readable_image

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_EXIF = b"Exif\x00\x00"
_CHUNK = b"eXIf"  # of a PNG
_ORIENTATION = 0x0112
_ENTRIES = 128  # of the directory that are looked at
_FLOATS = 2**20  # pixels that are floats at once

PIXELS = 2**24  # of a served picture, unless an export says otherwise
SIDE = 2**14  # of a row or column: what is shrunk one way is as long as the other

Size: typing.TypeAlias = tuple[int, int] | list[int]
"""Height and width."""


@unconverted
def decode_image(image_bytes: bytes | Array) -> Tensor:
    """Pixels of one image file, whatever its kind, upright, on white.

    JPEG (CMYK too), PNG (of any depth, with a palette, transparent), GIF (the first
    frame) and BMP. Deep colours are cut to 8 bits; transparent pixels of a PNG are laid
    on white; a JPEG or PNG is turned as its EXIF orientation says. It consists of core
    TensorFlow operations, which misread a BMP with a palette and the transparent
    colour of a GIF: `readable_image` makes a PNG of such a file.

    Args:
        image_bytes: String tensor (), the content of the file.

    Returns:
        float32 tensor (H, W, 3), red, green, blue from 0 to 255.

    Raises:
        tf.errors.InvalidArgumentError: When it runs, if that isn't a whole image.

    Example:

    >>> import tensorflow as tf
    >>> png = tf.io.encode_png(tf.constant([[[255, 0, 0, 128]]], tf.uint8))
    >>> decode_image(png).numpy().round().tolist()
    [[[255.0, 127.0, 127.0]]]
    """
    tf = require("tensorflow", "recipes")
    content = tf.convert_to_tensor(image_bytes)

    image = tf.cond(
        _is_png(content),
        lambda: _on_white(_png(content), _opaque_byte(content)),
        lambda: tf.cast(_other(content), tf.float32),
    )
    return _upright(image, content)


@unconverted
def decode_images(image_bytes: Array, size: Size) -> Tensor:
    """Pixels of a batch of image files, all stretched to one size.

    Args:
        image_bytes: String tensor (B,), the contents of the files.
        size: Pair of height and width.

    Returns:
        float32 tensor (B, height, width, 3), from 0 to 255, without aliasing.

    Raises:
        ValueError: If `size` isn't a pair of positive integers.
        tf.errors.InvalidArgumentError: When it runs, if one isn't a whole image.

    Example:

    >>> import tensorflow as tf
    >>> files = [tf.io.encode_png(tf.zeros([h, 9, 3], tf.uint8)) for h in (1, 30)]
    >>> decode_images(tf.stack(files), (4, 5)).shape
    TensorShape([2, 4, 5, 3])
    """
    tf = require("tensorflow", "recipes")
    height, width = check_image_size(size)

    def one(content: Tensor) -> Tensor:
        image = tf.cond(
            _is_png(content),
            lambda: _opaque(_png(content), content),
            lambda: _other(content),
        )
        return _shrunk(image, content, (height, width))

    return tf.map_fn(
        one,
        image_bytes,
        fn_output_signature=tf.TensorSpec([height, width, 3], tf.float32),
        parallel_iterations=1,
    )


@unconverted
def try_images(
    image_bytes: Array, size: Size, *, pixels: int = PIXELS, side: int = SIDE
) -> tuple[Tensor, Tensor]:
    """As `decode_images`, and says which files it can't or mustn't decode.

    What the headers say is read first, so that no small file makes large pixels.

    Args:
        image_bytes: String tensor (B,), the contents of the files.
        size: Pair of height and width.
        pixels: Pixels that a picture may have.
        side: Pixels that a row or a column of it may have.

    Returns:
        float32 tensor (B, height, width, 3), 0 where there is none; and strings (B,):
        what is wrong, empty where nothing is.

    Raises:
        ValueError: If `size` isn't a pair of positive integers.

    Example:

    >>> import tensorflow as tf
    >>> files = [tf.io.encode_png(tf.ones([9, 9, 3], tf.uint8)).numpy(), b"no picture"]
    >>> images, reasons = try_images(tf.constant(files), (1, 1))
    >>> images.numpy().ravel().round().tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    >>> reasons.numpy().tolist()
    [b'', b'must be a JPEG, PNG, GIF or BMP file, whole']
    """
    tf = require("tensorflow", "recipes")
    shape = check_image_size(size)
    nothing = tf.zeros([*shape, 3])

    def tried(
        decode: Callable[[Tensor], Tensor], content: Tensor, depth: int
    ) -> Tensor:
        # A data set can go on where an operation fails; nothing else in a graph can.
        # What it calls is made anew for each picture, so it is as little as can be.
        found = tf.data.Dataset.from_tensors(content).map(unconverted(decode))
        none = tf.zeros([0, 0, depth], tf.uint8)
        return found.ignore_errors().reduce(none, unconverted(lambda _, image: image))

    def one(content: Tensor) -> tuple[Tensor, Tensor]:
        content, reason = checked_picture(content, pixels, side)
        content = tf.where(reason == "", content, "")
        image = tf.cond(
            _is_png(content),
            lambda: _opaque(tried(_png, content, 4), content),
            lambda: tried(_other, content, 3),
        )
        there = tf.size(image) > 0
        image = tf.cond(there, lambda: _shrunk(image, content, shape), lambda: nothing)
        broken = tf.where(there, "", f"must be {KINDS}, whole")
        return image, tf.where(reason == "", broken, reason)

    return tf.map_fn(
        one,
        image_bytes,
        fn_output_signature=(
            tf.TensorSpec([*shape, 3], tf.float32),
            tf.TensorSpec([], tf.string),
        ),
        parallel_iterations=1,
    )


def load_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Pixels of an image file, as `decode_image` gives them, of more kinds.

    What it would misread is decoded by Pillow, as `readable_image` says.

    Args:
        path: The file.

    Returns:
        float32 array (H, W, 3), from 0 to 255.

    Raises:
        OSError: If the file can't be read.
        ValueError: If it isn't a whole image, or too large.
        ImportError: If Pillow is needed and missing.

    Example:

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as file:
    ...     load_image(file.name)
    Traceback (most recent call last):
    ValueError: ... is not a whole image: Input is empty.
    """
    tf = require("tensorflow", "recipes")
    try:
        return decode_image(readable_image(path)).numpy()
    except tf.errors.OpError as error:
        # Without the names of the operations around the reason.
        reason = error.message.split("}} ")[-1].split(" [Op:")[0].strip()
        raise ValueError(f"{str(path)!r} is not a whole image: {reason}") from error


def check_image_size(size: typing.Any) -> tuple[int, int]:
    """The size as a pair of positive integers, or a ValueError."""
    size = tuple(size) if isinstance(size, (tuple, list)) else size
    whole = isinstance(size, tuple) and all(
        isinstance(side, numbers.Integral) and int(side) > 0 for side in size
    )
    if not whole or len(size) != 2:
        raise ValueError(
            "`size` must be a pair of positive integers, height and width; received "
            f"{size!r}."
        )
    return int(size[0]), int(size[1])


def _shrunk(image: Tensor, content: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture in bytes in a size: it is made floats when it is small."""
    import tensorflow as tf

    image = tf.image.resize(_upright(image, content), size, antialias=True)
    return tf.clip_by_value(tf.cast(image, tf.float32), 0.0, 255.0)


def _is_png(content: Tensor) -> Tensor:
    import tensorflow as tf

    return tf.strings.substr(content, 0, len(_PNG)) == _PNG


def _other(content: Tensor) -> Tensor:
    """What is no PNG, in bytes."""
    import tensorflow as tf

    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    return tf.ensure_shape(image, [None, None, 3])


def _png(content: Tensor) -> Tensor:
    """A PNG with its opacity, in bytes."""
    import tensorflow as tf

    return tf.io.decode_png(content, channels=4)


def _on_white(image: Tensor, opaque: Tensor) -> Tensor:
    import tensorflow as tf

    image = tf.cast(image, tf.float32)
    opacity = tf.minimum(image[..., 3:] / opaque, 1.0)
    return image[..., :3] * opacity + 255 * (1 - opacity)


def _opaque_byte(content: Tensor) -> Tensor:
    """What is opaque in a PNG: 1, 3 or 15 in grey of less than 8 bits."""
    import tensorflow as tf

    head = tf.strings.substr(content, 0, 26) + "\0" * 26  # of the shortest file too
    header = tf.io.decode_raw(tf.strings.substr(head, 24, 2), tf.uint8)
    depth, kind = tf.unstack(tf.cast(header, tf.int32), 2)
    return tf.cast(tf.where((kind == 0) & (depth < 8), 2**depth - 1, 255), tf.float32)


def _opaque(image: Tensor, content: Tensor) -> Tensor:
    """A PNG on white, in bytes, some rows at a time."""
    import tensorflow as tf

    from keras_seq.serving import in_blocks

    def some(rows: Tensor) -> dict[str, Tensor]:
        return {"white": tf.cast(tf.round(_on_white(rows, opaque)), tf.uint8)}

    opaque = _opaque_byte(content)
    at_once = _FLOATS // tf.maximum(tf.shape(image)[1], 1)
    return tf.cond(
        tf.cast(tf.reduce_min(image[..., 3]), tf.float32) < opaque,
        lambda: in_blocks(some, at_once, image)["white"],
        lambda: image[..., :3],
    )


def _upright(image: Tensor, content: Tensor) -> Tensor:
    """Turns a JPEG or a PNG as the orientation in its file says."""
    import tensorflow as tf

    is_jpeg = tf.strings.substr(content, 0, len(_JPEG)) == _JPEG
    orientation = tf.cond(
        is_jpeg,
        lambda: exif_orientation(content),
        lambda: tf.cond(
            _is_png(content), lambda: exif_orientation(content, _CHUNK), lambda: 1
        ),
    )

    def among(*some: int) -> Tensor:
        return tf.reduce_any(orientation == tf.constant(some))

    image = tf.cond(
        orientation > 4, lambda: tf.transpose(image, [1, 0, 2]), lambda: image
    )
    image = tf.cond(among(3, 4, 7, 8), lambda: tf.reverse(image, [0]), lambda: image)
    return tf.cond(among(2, 3, 6, 7), lambda: tf.reverse(image, [1]), lambda: image)


def exif_orientation(content: Tensor, mark: bytes = _EXIF) -> Tensor:
    """The orientation that an image names: 1 to 8; 1 (upright) if it names none.

    Args:
        content: String tensor ().
        mark: What stands before the block of EXIF; in a PNG that is b"eXIf".

    Returns:
        int32 tensor ().
    """
    import tensorflow as tf

    start = tf.strings.substr(content, 0, EXIF_WITHIN)
    start = tf.strings.join([start, "\0" * len(mark)])  # is never empty then
    data = tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int64)
    size = tf.size(data, tf.int64)
    windows = size - len(mark) + 1
    found = tf.ones([windows], tf.bool)
    for offset, byte in enumerate(mark):
        found &= data[offset : offset + windows] == byte
    # The block of EXIF: byte order, 42, where the first directory is.
    block = tf.argmax(found) + len(mark)
    big = data[tf.minimum(block, size - 1)] == ord("M")

    def number(at: Tensor, width: int) -> Tensor:
        at = at[..., None] + tf.range(width, dtype=tf.int64)
        bytes_ = tf.gather(data, tf.clip_by_value(at, 0, size - 1))
        bytes_ = tf.where(big, bytes_, tf.reverse(bytes_, [-1]))
        weights = 256 ** tf.range(width - 1, -1, -1, dtype=tf.int64)
        return tf.reduce_sum(bytes_ * weights, axis=-1)

    directory = block + number(block + 4, 4)
    count = tf.minimum(number(directory, 2), _ENTRIES)
    entries = directory + 2 + 12 * tf.range(count)
    wanted = tf.reduce_any(found) & (number(entries, 2) == _ORIENTATION)
    value = tf.reduce_max(tf.where(wanted, number(entries + 8, 2), 0))
    valid = tf.reduce_any(wanted) & (value >= 1) & (value <= 8)
    return tf.cast(tf.where(valid, value, 1), tf.int32)
