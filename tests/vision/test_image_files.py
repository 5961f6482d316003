"""Image files of all kinds, whose right pixels are Pillow's."""

import io
import os
import zlib

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.vision import (
    GridExtractor,
    cache_grids,
    decode_image,
    load_image,
    readable_image,
)
from keras_seq.vision.images import try_images
from tests.vision.pictures import Image, ImageOps, blocks, encoded

COLOURS = blocks(5, 4, 3)
CLEAR = blocks(5, 4, 4)
EIGHT = Image.Exif()
EIGHT[0x0112] = 8
PALETTE = Image.fromarray(COLOURS).quantize(7)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def by_pillow(content):
    """Upright and on white, in float64."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    image = image.convert("RGB") if image.mode == "CMYK" else image
    values = np.asarray(image.convert("RGBA"), "float64")
    opacity = values[..., 3:] / 255
    return values[..., :3] * opacity + 255 * (1 - opacity)


FILES = {
    "BMP": encoded(COLOURS, "BMP"),
    "BMP with a palette": saved(PALETTE, "BMP"),
    "BMP of one bit": saved(PALETTE.convert("1"), "BMP"),
    "GIF": saved(PALETTE, "GIF"),
    "GIF with a transparent colour": saved(PALETTE, "GIF", transparency=3),
    "GIF of two frames": saved(
        PALETTE,
        "GIF",
        save_all=True,
        append_images=[PALETTE.rotate(180)],
        transparency=2,
    ),
    "PNG with opacity": encoded(CLEAR, "PNG"),
    "PNG of grey with opacity": saved(Image.fromarray(CLEAR).convert("LA"), "PNG"),
    "PNG, palette, transparent": saved(PALETTE, "PNG", transparency=3),
    "PNG turned": encoded(CLEAR, "PNG", exif=EIGHT),
    "JPEG": encoded(COLOURS, "JPEG", quality=95),
    "JPEG turned": encoded(COLOURS, "JPEG", quality=95, exif=EIGHT),
    "JPEG of CMYK": saved(Image.fromarray(COLOURS).convert("CMYK"), "JPEG", quality=95),
    "WebP": encoded(COLOURS, "WEBP", lossless=True),
    "WebP with opacity": encoded(CLEAR, "WEBP", lossless=True, exact=True),
    "WebP turned": encoded(COLOURS, "WEBP", lossless=True, exif=EIGHT),
    "TIFF": encoded(COLOURS, "TIFF"),
    "TIFF turned": encoded(COLOURS, "TIFF", exif=EIGHT),
    "TIFF of CMYK": saved(Image.fromarray(COLOURS).convert("CMYK"), "TIFF"),
    "TIFF with opacity": encoded(CLEAR, "TIFF"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("suffix", [".jpg", ".x"])  # whatever it is called
def test_pixels_are_pillows(kind, suffix, tmp_path):
    file = tmp_path / f"picture{suffix}"
    file.write_bytes(FILES[kind])
    expected = by_pillow(FILES[kind])
    found = load_image(file)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=4 if "JPEG" in kind else 0.51)


def test_the_transparent_are_white_and_the_turned_are_turned():
    """That Pillow, above, says so too is no accident of the samples."""
    assert (by_pillow(FILES["GIF with a transparent colour"]) == 255).all(-1).any()
    for kind in ("PNG turned", "WebP turned", "TIFF turned", "JPEG turned"):
        assert by_pillow(FILES[kind]).shape == (32, 40, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("turned", [False, True])
def test_sixteen_bits_are_cut_to_eight(kind, turned, tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (6, 8)).astype("uint16")
    file = tmp_path / "deep"
    file.write_bytes(encoded(values, kind, **({"exif": EIGHT} if turned else {})))
    expected = np.rot90(values) if turned else values
    np.testing.assert_array_equal(load_image(file)[..., 2], expected >> 8)


def test_what_is_read_rightly_is_left_as_it_is(tmp_path):
    for kind in ("JPEG turned", "PNG with opacity"):
        file = tmp_path / "same"
        file.write_bytes(FILES[kind])
        assert readable_image(file) == FILES[kind]


def _bomb(side):
    """A PNG whose header promises many pixels."""
    parts = [(b"IHDR", side.to_bytes(4, "big") * 2 + b"\1\0\0\0\0"), (b"IDAT", b"x")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big")
        + kind
        + data
        + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in parts
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a whole image: Input is empty"),
        (b"no image", "is not a whole image"),
        # Pillow would have Ghostscript draw it.
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "of no kind that is"),
        (FILES["JPEG"][:300], "is not a whole image"),
        (FILES["PNG with opacity"][:-30], "is not a whole image"),
        (FILES["WebP with opacity"][:-30], "is not a whole image"),
        (FILES["BMP with a palette"][:-300], "is not a whole image"),
        (FILES["GIF"][:-100], "is not a whole image"),
        (FILES["TIFF"][:-300], "is not a whole image"),
        (_bomb(9000), "must have at most 67108864 pixels; received 9000 x 9000"),
        (_bomb(60_000), "is not a whole image: .* exceeds limit"),
    ],
)
def test_what_is_no_image_is_named(content, message, tmp_path):
    file = tmp_path / "broken.jpg"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"broken\.jpg.*{message}"):
        load_image(file)


def test_grids_are_of_the_right_pixels(tmp_path):
    kinds = ["BMP with a palette", "GIF with a transparent colour", "WebP turned"]
    files = {}
    for number, kind in enumerate([*kinds, "cut"]):
        files[f"{number}"] = tmp_path / f"{number}.png"
        content = FILES[kinds[0]][:-300] if kind == "cut" else FILES[kind]
        files[f"{number}"].write_bytes(content)
    grids = cache_grids(files, GridExtractor(size=(32, 40)), tmp_path / "grids")
    assert set(grids.broken) == {"3"}
    assert "3.png" in grids.broken["3"]
    found = grids.read(str(grids.files["2"]))
    np.testing.assert_array_equal(found, by_pillow(FILES["WebP turned"]))
    for number in range(2):
        expected = np.asarray(
            Image.fromarray(by_pillow(FILES[kinds[number]]).astype("uint8")).resize(
                (40, 32), Image.Resampling.BILINEAR
            )
        )
        found = grids.read(str(grids.files[f"{number}"])).numpy()
        assert np.abs(found.astype(int) - expected).mean() < 3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("BMP", ""),
        ("BMP with a palette", "must have 24 or 32 bits a pixel if it is a BMP file"),
        ("BMP of one bit", "must have 24 or 32 bits a pixel if it is a BMP file"),
        ("GIF", ""),
        ("GIF with a transparent colour", "must have no transparent colour"),
        ("GIF of two frames", "must have no transparent colour"),
        ("PNG, palette, transparent", ""),
        ("PNG turned", ""),
        ("JPEG turned", ""),
        ("JPEG of CMYK", ""),
        ("WebP", "must be a JPEG, PNG, GIF or BMP file"),
        ("TIFF", "must be a JPEG, PNG, GIF or BMP file"),
    ],
)
def test_a_server_reads_a_file_rightly_or_refuses_it_by_name(kind, reason):
    expected = by_pillow(FILES[kind])
    content = tf.constant([FILES[kind]])
    [image], [said] = try_images(content, expected.shape[:2])
    assert said.numpy().decode().startswith(reason)
    if reason:
        assert not np.asarray(image).any()
    else:
        assert said == b""
        np.testing.assert_allclose(image, expected, atol=4 if "JPEG" in kind else 0.51)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_png_is_turned_inside_the_graph(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(CLEAR, "PNG", exif=exif)
    np.testing.assert_allclose(decode_image(content), by_pillow(content), atol=1e-3)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "it is HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(99), "it is AVIF"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "it is SVG"),
        (b"<!DOCTYPE html><p>404", "it is HTML"),
        (b"%PDF-1.4", "it is PDF"),
        (b"hello", "of no kind"),
    ],
)
def test_what_is_no_image_is_called_by_name(tmp_path, content, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.jpg' is not a whole image: {kind}"):
        load_image(path)


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "x.jpg")
    with pytest.raises(ValueError, match="received a pipe or a device"):
        load_image(tmp_path / "x.jpg")
