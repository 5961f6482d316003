"""Image files of all kinds, written by Pillow."""

import io

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")


def blocks(rows, columns, channels, seed=0, size=8):
    """Random colours in blocks, which JPEG leaves nearly as they are."""
    colours = np.random.default_rng(seed).integers(0, 256, (rows, columns, channels))
    return np.kron(colours, np.ones((size, size, 1))).astype("uint8")


def encoded(image, kind, mode=None, **options):
    """The content of an image file."""
    file = io.BytesIO()
    size = image.shape[1::-1]
    picture = Image.frombytes(mode, size, image) if mode else Image.fromarray(image)
    picture.save(file, kind, **options)
    return file.getvalue()
