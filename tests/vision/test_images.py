import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.vision import decode_image, decode_images
from keras_seq.vision.images import exif_orientation
from tests.vision.pictures import Image, ImageOps, blocks, encoded


def by_pillow(content):
    """The pixels on white: Pillow's, in float64."""
    image = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"), "float64")
    opacity = image[..., 3:] / 255
    return image[..., :3] * opacity + 255 * (1 - opacity)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_pixels_are_those_that_pillow_reads(kind):
    content = encoded(blocks(5, 4, 3), kind)
    np.testing.assert_allclose(decode_image(content), by_pillow(content), atol=2)


@pytest.mark.parametrize(
    "content",
    [
        encoded(blocks(5, 4, 4), "PNG"),
        encoded(blocks(5, 4, 2), "PNG"),
        encoded(blocks(5, 4, 1)[..., 0], "PNG"),
        encoded(blocks(5, 4, 1)[..., 0] > 127, "PNG"),
    ],
    ids=["transparent", "transparent grey", "grey", "one bit"],
)
def test_png_on_white(content):
    np.testing.assert_allclose(decode_image(content), by_pillow(content), atol=1e-3)


def test_palette_with_a_transparent_colour():
    image = Image.fromarray(blocks(5, 4, 3)).quantize(7)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=3)
    content = file.getvalue()
    np.testing.assert_allclose(decode_image(content), by_pillow(content), atol=1e-3)


@pytest.mark.parametrize("bits", [2, 4])
def test_shallow_grey(bits):
    values = np.random.default_rng(0).integers(0, 2**bits, (6, 8)).astype("uint8")
    content = _shallow_png(values, bits)
    expected = np.repeat(values[..., None] * 255.0 / (2**bits - 1), 3, axis=-1)
    np.testing.assert_allclose(decode_image(content), expected, atol=1e-3)


def _shallow_png(values, bits):
    """A grey PNG of few bits, chunk by chunk: Pillow writes none."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = values.shape
    shifts = range(8 - bits, -1, -bits)
    rows = b""
    for row in values.reshape(height, -1, 8 // bits):
        rows += b"\0" + bytes(
            sum(int(v) << s for v, s in zip(group, shifts, strict=True))
            for group in row
        )
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_sixteen_bits_are_cut_to_eight():
    values = np.random.default_rng(0).integers(0, 65536, (6, 8)).astype("uint16")
    found = decode_image(encoded(values, "PNG"))
    np.testing.assert_array_equal(found[..., 1], values >> 8)


def test_cmyk():
    file = io.BytesIO()
    image = Image.fromarray(blocks(5, 4, 3)).convert("CMYK")
    image.save(file, "JPEG", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB"))
    np.testing.assert_allclose(decode_image(file.getvalue()), expected, atol=4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["big", "little"])
def test_a_photograph_is_turned_as_its_file_says(orientation, order):
    exif = Image.Exif()
    exif.endian = "<" if order == "little" else ">"
    exif[0x010F] = "a maker's name"  # before it
    exif[0x0112] = orientation
    exif[0x0131] = "some program"  # behind it
    content = encoded(blocks(3, 5, 3), "JPEG", quality=95, exif=exif)
    turned = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    np.testing.assert_allclose(decode_image(content), np.asarray(turned), atol=4)


def test_odd_orientations_count_as_upright():
    plain = encoded(blocks(3, 5, 3), "JPEG")
    exif = Image.Exif()
    exif[0x0112] = 77
    strange = encoded(blocks(3, 5, 3), "JPEG", exif=exif)
    cut = encoded(blocks(3, 5, 3), "JPEG", exif=exif)[:40]
    for content in (plain, strange, cut, b"Exif\0\0", b""):
        assert exif_orientation(tf.constant(content)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no image",
        encoded(blocks(5, 4, 3), "JPEG")[:200],
        encoded(blocks(5, 4, 3), "PNG")[:-30],
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["empty", "text", "cut JPEG", "cut PNG", "head of a PNG"],
)
def test_what_is_no_image_is_an_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_image(content)


def test_sizes_from_one_pixel_to_a_line():
    files = [
        encoded(np.full((rows, columns, 3), value, "uint8"), "PNG")
        for rows, columns, value in ((1, 1, 7), (20, 20_000, 130), (33, 20, 255))
    ]
    found = decode_images(tf.constant(files), (6, 4))
    assert found.shape == (3, 6, 4, 3)
    np.testing.assert_allclose(found[:, 0, 0, 0], [7, 130, 255], atol=1e-3)
    np.testing.assert_allclose(np.ptp(found, axis=(1, 2)), 0, atol=1e-3)


def test_shrinking_takes_means():
    image = blocks(6, 4, 3)
    [found] = decode_images(tf.constant([encoded(image, "PNG")]), (6, 4))
    # A triangle of twice the block: mostly the block itself.
    own = image[::8, ::8].astype("float64")
    padded = np.pad(own, ((1, 1), (1, 1), (0, 0)), "symmetric")
    assert np.abs(found - own).mean() < np.abs(found - padded[2:, 2:]).mean()
    # Every pixel counts: one that is bright lifts its cell.
    image = np.zeros((64, 64, 3), "uint8")
    image[5, 5] = 255
    [found] = decode_images(tf.constant([encoded(image, "PNG")]), (4, 4))
    assert found.numpy()[0, 0].min() > 0


@pytest.mark.parametrize("size", [3, (3,), (3, 0), (3, 4.0), (3, 4, 5)])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="`size` must be a pair of positive integers"):
        decode_images(tf.constant([b""]), size)
