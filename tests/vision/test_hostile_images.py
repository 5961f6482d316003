"""Files of strangers: refused by their headers, and none fails its neighbours."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.vision import decode_images, try_images
from keras_seq.vision._headers import checked_picture
from tests.vision.pictures import Image, blocks, encoded

BROKEN = "must be a JPEG, PNG, GIF or BMP file, whole"
GOOD = encoded(blocks(3, 4, 3), "PNG")


@pytest.fixture(scope="module")
def ask():
    """The pictures and the reasons, of pictures of 5,000 pixels at most."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    def traced(files):
        return try_images(files, (4, 6), pixels=5000, side=300)

    def ask(*files):
        images, reasons = traced(tf.constant(files, tf.string))
        return images.numpy(), [reason.decode() for reason in reasons.numpy()]

    return ask


def file_of(width, height, kind, mode="L", **options):
    file = io.BytesIO()
    Image.new(mode, (width, height), **options).save(file, kind)
    return file.getvalue()


def gif(width, height, blocks=b"\x01a\0", frame=(1, 1)):
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\2" + blocks + b";"


def png_that_lies(width, height):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_good_files_are_read_as_ever(ask, kind):
    files = [encoded(blocks(5, 4, 3), kind), encoded(blocks(2, 9, 3), kind)]
    images, reasons = ask(*files)
    assert reasons == ["", ""]
    np.testing.assert_allclose(images, decode_images(tf.constant(files), (4, 6)))


def test_transparency_and_few_greys_are_laid_on_white(ask):
    files = [
        encoded(blocks(5, 4, 4), "PNG"),
        encoded(blocks(5, 4, 1)[..., 0] > 127, "PNG"),
    ]
    images, reasons = ask(*files)
    assert reasons == ["", ""]
    for image, content in zip(images, files, strict=True):
        picture = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"), "float64")
        opacity = picture[..., 3:] / 255
        white = picture[..., :3] * opacity + 255 * (1 - opacity)
        expected = tf.image.resize(white, (4, 6), antialias=True)
        np.testing.assert_allclose(image, expected, atol=0.51)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (file_of(10_000, 10_000, "PNG", "1"), "10000 x 10000"),
        (png_that_lies(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647"),
        (png_that_lies(301, 1), "301 x 1"),
        (file_of(100, 51, "JPEG"), "100 x 51"),
        (file_of(100, 51, "BMP", "RGB"), "100 x 51"),
        (file_of(100, 51, "GIF"), "100 x 51"),
        (gif(9, 9, frame=(65535, 65535)), "65535 x 65535"),
        (gif(65535, 1), "65535 x 1"),
    ],
)
def test_too_large_is_refused_by_its_header(ask, content, size):
    images, reasons = ask(GOOD, content)
    must = "must have at most 5000 pixels, 300 in a row or column; received "
    assert reasons == ["", must + size]
    assert not images[1].any()
    np.testing.assert_array_equal(images[0], ask(GOOD)[0][0])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"RIFF\0\0\0\0WEBPVP8 ",
        GOOD[:-30],
        GOOD[:20],
        GOOD[:8],
        encoded(blocks(5, 4, 3), "JPEG")[:200],
        b"\xff\xd8\xff",
        b"GIF89a",
        gif(9, 9, blocks=b"\x01a" * 20_000 + b"\0"),
        b"BM" + struct.pack("<IHHIIiiHH", 70, 0, 0, 54, 40, 9, -9, 1, 24) + bytes(16),
        png_that_lies(70, 70),
    ],
)
def test_what_is_no_whole_picture_fails_no_neighbour(ask, content):
    images, reasons = ask(content, GOOD)
    assert reasons == [BROKEN, ""]
    assert not images[0].any()
    np.testing.assert_array_equal(images[1], ask(GOOD)[0][0])


def test_of_many_frames_the_first_is_read(ask):
    frames = [Image.fromarray(blocks(3, 4, 1, seed=i)[..., 0]) for i in range(30)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    images, reasons = ask(file.getvalue())
    assert reasons == [""]
    one = decode_images(tf.constant([encoded(blocks(3, 4, 1)[..., 0], "GIF")]), (4, 6))
    np.testing.assert_allclose(images, one)


def test_no_files_give_no_pictures(ask):
    images, reasons = ask()
    assert images.shape == (0, 4, 6, 3)
    assert reasons == []


def parts_of(png):
    """The parts of a PNG, with their frames."""
    at = 8
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        yield png[at:end]
        at = end


def part(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def test_what_a_png_says_beside_its_pixels_is_not_unpacked():
    """80 kB that were 80 MB; their like in 7 MB took 20 s."""
    packed = zlib.compress(bytes(8_000_000), 9)
    texts = [
        part(b"zTXt", b"a%d\0\0" % i + packed)
        + part(b"iTXt", b"b%d\0\1\0\0\0" % i + packed)
        for i in range(5)
    ]
    profile = part(b"iCCP", b"name\0\0" + packed)
    ihdr, *others = parts_of(GOOD)
    start = GOOD[:8] + ihdr
    content, reason = checked_picture(
        tf.constant(start + profile + b"".join(texts + others)), 5000, 300
    )
    assert reason == b""
    assert content == start + b"".join(others)
    late = b"".join([start, *others[:-1], *texts, others[-1]])
    content, reason = checked_picture(tf.constant(late), 5000, 300)
    assert (content.numpy(), reason) == (GOOD, b"")


def test_more_packed_pixels_than_a_picture_has(ask):
    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)

    def png(size):
        data = part(b"IDAT", zlib.compress(bytes(size), 9))
        return GOOD[:8] + part(b"IHDR", header) + data + part(b"IEND", b"")

    _, reasons = ask(png(4 * 13), png(20_000_000))
    assert reasons == ["", "must have no more data than a PNG file needs"]


def test_noise_that_packing_makes_longer_is_read(ask):
    noise = np.random.default_rng(1).integers(0, 256, (60, 60, 4), np.uint8)
    for level in (0, 1, 9):
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "PNG", compress_level=level)
        images, reasons = ask(file.getvalue())
        assert reasons == [""]
        expected = decode_images(tf.constant([file.getvalue()]), (4, 6))
        np.testing.assert_allclose(images, expected, atol=0.51)


def test_palette_transparency_and_orientation_of_a_png_are_kept(ask):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    file = io.BytesIO()
    image.save(file, "PNG", transparency=b"\xff\x00", exif=exif)
    image, (reason,) = ask(file.getvalue())
    assert reason == ""
    # Turned by a quarter to the right: red is above what was blue and is clear.
    np.testing.assert_allclose(image[0, 0], [[255, 0, 0]] * 6, atol=40)
    np.testing.assert_allclose(image[0, -1], [[255, 255, 255]] * 6, atol=40)


@pytest.mark.parametrize("lost", [b"IDAT", b"IEND"])
def test_a_png_without_a_part_is_not_whole(ask, lost):
    parts = [each for each in parts_of(GOOD) if each[4:8] != lost]
    _, reasons = ask(GOOD[:8] + b"".join(parts), GOOD)
    assert reasons == [BROKEN, ""]


def test_files_of_parts_without_end(ask):
    ihdr, *others = parts_of(GOOD)
    png = GOOD[:8] + ihdr + part(b"abCd", b"") * 300 + b"".join(others)
    small = gif(9, 9, b"\1a" * 600 + b"\0")
    jpeg = encoded(blocks(3, 4, 3), "JPEG")
    some, many = (
        jpeg[:2] + b"\xff\xfe\0\3x" * count + jpeg[2:] for count in (500, 2000)
    )
    _, reasons = ask(png, GOOD, many, some, small)
    assert reasons == [BROKEN, "", BROKEN, "", BROKEN]
