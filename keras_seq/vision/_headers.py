"""What the header of an image file says, read before any of it is decoded."""

from collections.abc import Callable
from typing import Any

from keras_seq.typing import Tensor

KINDS = "a JPEG, PNG, GIF or BMP file"
_FEW = 256  # blocks that any file may have; a larger one for so many bytes each:
_BLOCK = 32  # of a GIF to the end of its first frame, where 255 are usual
_PART = 2**10  # of a PNG, where 2**13 are usual
_SEGMENTS = 2**10  # of a JPEG
_SCANS = 100  # of a progressive JPEG
EXIF_WITHIN = 2**17  # bytes of a file, from its start
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_CHANNELS = (1, 0, 3, 1, 2, 0, 4)  # of each type of colour of a PNG


def checked_picture(content: Tensor, pixels: int, side: int) -> tuple[Tensor, Tensor]:
    """The part of an image file that is to be decoded, and what is against it.

    Only the header is read; of a GIF also the lengths of its blocks, and what is
    behind the first frame is cut off: a decoder would make room for all frames. Of a
    PNG what isn't needed is left out: a decoder unpacks texts and profiles too.

    Args:
        content: String tensor (), the content of the file.
        pixels: Pixels that it may have.
        side: Rows, and columns, that it may have.

    Returns:
        The content; and a string, empty if it may be decoded.
    """
    import tensorflow as tf

    head = tf.strings.substr(content, 0, 32) + "\0" * 32  # of the shortest file too
    data = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int64)

    def begins(mark: bytes) -> Tensor:
        return tf.strings.substr(content, 0, len(mark)) == mark

    def number(at: int, size: int, big: bool = False) -> Tensor:
        places = range(size - 1, -1, -1) if big else range(size)
        return tf.add_n([data[at + i] * 256**place for i, place in enumerate(places)])

    def png() -> tuple[Tensor, ...]:
        needed, whole, packed = _needed_of_png(content)
        rows, columns = number(20, 4, True), number(16, 4, True)
        channels = tf.gather(_CHANNELS, tf.minimum(data[25], len(_CHANNELS) - 1))
        row = columns * data[24] * tf.cast(channels, tf.int64) // 8 + 4  # and filters
        # What can't be packed grows a little; what is more would be unpacked for hours.
        right = packed // 2 <= rows * row + 2048
        said = tf.where(right, "", "must have no more data than a PNG file needs")
        return needed, whole, rows, columns, said

    def bmp() -> tuple[Tensor, ...]:
        rows, columns = (
            tf.where(x < 2**31, x, 2**32 - x) for x in (number(22, 4), number(18, 4))
        )
        # The decoder takes the palette of fewer bits for greys.
        bits = number(28, 2)
        right = (bits == 24) | (bits == 32)
        must = "must have 24 or 32 bits a pixel if it is a BMP file; received "
        said = tf.where(right, "", tf.strings.join([must, tf.strings.as_string(bits)]))
        return content, tf.constant(True), rows, columns, said

    def jpeg() -> tuple[Tensor, ...]:
        found, rows, columns = _frame_of_jpeg(content)
        code = tf.io.decode_raw(content, tf.uint8)
        scans = tf.reduce_sum(tf.cast((code[:-1] == 255) & (code[1:] == 218), tf.int32))
        return content, found & (scans <= _SCANS), rows, columns, ""

    def gif() -> tuple[Tensor, ...]:
        first, found, rows, columns, clear = _first_frame(content)
        rows, columns = (
            tf.maximum(rows, number(8, 2)),
            tf.maximum(columns, number(6, 2)),
        )
        # The decoder makes it black.
        said = tf.where(
            clear, "must have no transparent colour if it is a GIF file", ""
        )
        return first, found, rows, columns, said

    def other() -> tuple[Tensor, ...]:
        none = tf.constant(0, tf.int64)
        return content, tf.constant(False), none, none, ""

    content, known, rows, columns, said = tf.case(
        [
            (begins(b"\x89PNG\r\n\x1a\n"), png),
            (begins(b"\xff\xd8\xff"), jpeg),
            (begins(b"GIF8"), gif),
            (begins(b"BM"), bmp),
        ],
        other,
    )
    large = (rows > side) | (columns > side) | (rows * columns > pixels)
    size = [tf.strings.as_string(columns), " x ", tf.strings.as_string(rows)]
    most = f"must have at most {pixels} pixels, {side} in a row or column; received "
    reason = tf.where(large, tf.strings.join([most, *size]), said)
    return content, tf.where(known, reason, f"must be {KINDS}, whole")


def _frame_of_jpeg(content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether a JPEG has a frame, found from segment to segment; its rows, columns.

    What is no segment ends the search, where a decoder might search on and find
    another frame.
    """
    import tensorflow as tf

    byte, last = _bytes_of(content)

    def is_frame(at: Tensor) -> Tensor:
        mark = byte(at + 1)
        tables = (mark == 0xC4) | (mark == 0xC8) | (mark == 0xCC)
        return (mark >= 0xC0) & (mark <= 0xCF) & ~tables

    def is_segment(at: Tensor) -> Tensor:
        mark = byte(at + 1)
        return (byte(at) == 0xFF) & (mark >= 0xC0) & (mark != 0xDA) & (mark != 0xFF)

    def goes_on(at: Tensor) -> Tensor:
        return is_segment(at) & ~is_frame(at) & (at < last)

    (at,) = tf.while_loop(
        goes_on,
        lambda at: (at + 2 + 256 * byte(at + 2) + byte(at + 3),),
        (tf.constant(2),),
        maximum_iterations=_SEGMENTS,
    )
    rows, columns = (
        tf.cast(256 * byte(at + i) + byte(at + i + 1), tf.int64) for i in (5, 7)
    )
    return is_segment(at) & is_frame(at) & (at < last), rows, columns


def _needed_of_png(content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A PNG's header, palette, orientation and pixels; whether they end; their bytes.

    The bytes are those of the packed pixels.
    """
    import tensorflow as tf

    data = tf.io.decode_raw(content + "\0" * 64, tf.uint8)
    last = tf.size(data) - 64

    def words(at: Tensor) -> Tensor:
        """A part's length, and its name."""
        eight = tf.reshape(tf.cast(data[at : at + 8], tf.int64), [2, 4])
        return tf.reduce_sum(eight * [2**24, 2**16, 2**8, 1], 1)

    def number(name: bytes) -> int:
        return int.from_bytes(name, "big")

    def behind(at: Tensor, length: Tensor) -> Tensor:
        end = tf.cast(at, tf.int64) + 12 + length
        return tf.cast(tf.minimum(end, tf.cast(last, tf.int64)), tf.int32)

    def step(
        at: Tensor, part: Tensor, first: Tensor, end: Tensor, packed: Tensor
    ) -> tuple[Any, ...]:
        after = behind(at, part[0])
        found = part[1] == names
        first = tf.where(found & (first == 0), at, first)
        # The parts of the pixels follow each other.
        goes_on = found[-1] & ((at == first[-1]) | (at == end))
        end = tf.where(goes_on, after, end)
        packed += tf.where(goes_on, part[0], 0)
        return after, words(after), first, end, packed

    small = (b"PLTE", b"tRNS", b"eXIf")
    names = tf.constant([*map(number, (*small, b"IDAT"))], tf.int64)
    begin = tf.constant(33)
    _, part, first, end, packed = tf.while_loop(
        lambda at, part, *_: (part[1] != number(b"IEND")) & (at < last),
        step,
        (begin, words(begin), tf.zeros([4], tf.int32), 0, tf.constant(0, tf.int64)),
        maximum_iterations=_FEW + last // _PART,
    )
    header = tf.reduce_all(words(tf.constant(8)) == [13, number(b"IHDR")])
    whole = header & (part[1] == number(b"IEND")) & (end > 0)
    parts = [tf.strings.substr(content, 0, 33)]
    for i, name in enumerate(small):
        there = (first[i] > 0) & ((name != b"eXIf") | (first[i] < EXIF_WITHIN))
        start = tf.where(there, first[i], 0)
        length = tf.where(there, behind(start, words(start)[0]) - start, 0)
        parts.append(tf.strings.substr(content, start, length))
    parts += [tf.strings.substr(content, first[-1], end - first[-1]), _PNG_END]
    return tf.strings.join(parts), whole, packed


def _bytes_of(content: Tensor) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A function from a place to the byte there, 0 behind the last; and the last."""
    import tensorflow as tf

    data = tf.io.decode_raw(content + "\0" * 16, tf.uint8)
    last = tf.size(data) - 1
    return lambda at: tf.cast(data[tf.clip_by_value(at, 0, last)], tf.int32), last


def _first_frame(content: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """A GIF up to the end of its first frame, if it has one; its rows and columns.

    And whether a colour of that frame is transparent.
    """
    import tensorflow as tf

    byte, last = _bytes_of(content)

    def table(flags: Tensor) -> Tensor:
        bits = tf.bitwise.bitwise_and(flags, 7) + 1
        return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(1, bits), 0)

    # Where it is: at the start of a block, or in the parts of an extension or frame.
    start, extension, frame, end = range(4)

    def step(
        at: Tensor, place: Tensor, frame_at: Tensor, clear: Tensor
    ) -> tuple[Tensor, ...]:
        kind = byte(at)
        is_start, is_frame = place == start, (place == start) & (kind == 0x2C)
        is_extension = is_start & (kind == 0x21)
        known = is_frame | is_extension
        frame_at = tf.where(is_frame, at, frame_at)
        is_control = is_extension & (byte(at + 1) == 0xF9)
        clear = tf.where(is_control, byte(at + 3) % 2 == 1, clear)
        step_in = tf.where(is_frame, 11 + table(byte(at + 9)), 2)
        after = tf.where(is_start, step_in, kind + 1)
        begun = tf.where(is_frame, frame, tf.where(known, extension, end))
        over = tf.where(place == frame, end, start)
        going = tf.where(kind == 0, over, place)
        return at + after, tf.where(is_start, begun, going), frame_at, clear

    first = 13 + table(byte(tf.constant(10)))
    at, place, frame_at, clear = tf.while_loop(
        lambda at, place, *_: (place != end) & (at <= last),
        step,
        (first, tf.constant(start), tf.constant(0), tf.constant(False)),
        maximum_iterations=_FEW + last // _BLOCK,
    )
    rows, columns = (
        tf.cast(byte(frame_at + i) + 256 * byte(frame_at + i + 1), tf.int64)
        for i in (7, 5)
    )
    found = (frame_at > 0) & (place == end)
    cut = tf.strings.join([tf.strings.substr(content, 0, at), ";"])
    return cut, found, rows, columns, clear
