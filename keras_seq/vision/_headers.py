"""What the header of an image file says, read before any of it is decoded."""

from collections.abc import Callable

from keras_seq.typing import Tensor

KINDS = "a JPEG, PNG, GIF or BMP file"
_BLOCKS = 2**14  # of a GIF to the end of its first frame, or of a JPEG
_SCANS = 100  # of a progressive JPEG


def checked_picture(content: Tensor, pixels: int, side: int) -> tuple[Tensor, Tensor]:
    """The part of an image file that is to be decoded, and what is against it.

    Only the header is read; of a GIF also the lengths of its blocks, and what is
    behind the first frame is cut off: a decoder would make room for all frames.

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
        whole = tf.strings.substr(head, 12, 4) == "IHDR"
        return content, whole, number(20, 4, True), number(16, 4, True), ""

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
        maximum_iterations=_BLOCKS,
    )
    rows, columns = (
        tf.cast(256 * byte(at + i) + byte(at + i + 1), tf.int64) for i in (5, 7)
    )
    return is_segment(at) & is_frame(at) & (at < last), rows, columns


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
        maximum_iterations=_BLOCKS,
    )
    rows, columns = (
        tf.cast(byte(frame_at + i) + 256 * byte(frame_at + i + 1), tf.int64)
        for i in (7, 5)
    )
    found = (frame_at > 0) & (place == end)
    cut = tf.strings.join([tf.strings.substr(content, 0, at), ";"])
    return cut, found, rows, columns, clear
