from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.vision import GridExtractor, cache_grids, grid_model
from tests.vision.pictures import blocks, encoded


def network(**options):
    """A small network with two grids and a vector behind them."""
    x = keras.Input((16, 24, 3))
    first = keras.layers.Conv2D(4, 3, strides=2, padding="same", **options)(x)
    grid = keras.layers.Conv2D(5, 3, strides=4, padding="same")(first)
    return keras.Model(x, keras.layers.GlobalAveragePooling2D()(grid))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    keras.utils.set_random_seed(3)
    path = tmp_path_factory.mktemp("network") / "network.keras"
    network(name="_odd-name").save(path)
    return path


@pytest.fixture(scope="module")
def extractor(saved):
    model, pixels = grid_model(str(saved))
    return GridExtractor(model, pixels=pixels)


def test_the_last_grid_of_a_file(saved, extractor):
    assert extractor.shape == (2, 3, 5)
    assert extractor.size == (16, 24)
    image = blocks(2, 3, 3)  # 16 × 24
    whole = keras.models.load_model(saved)
    grid = keras.Model(whole.inputs[0], whole.layers[-2].output)
    expected = grid(image[None] / 127.5 - 1)
    found = extractor(tf.constant([encoded(image, "PNG")]))
    assert found.dtype == "float16"
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_names_are_such_that_a_server_takes_them(extractor):
    assert all(layer.name[0] != "_" for layer in extractor.model.layers)
    assert not extractor.model.trainable_weights


def test_a_network_that_scales_reads_bytes(tmp_path):
    x = keras.Input((8, 8, 3))
    grid = keras.layers.Conv2D(2, 3)(keras.layers.Rescaling(1 / 255)(x))
    keras.Model(x, grid).save(tmp_path / "a.keras")
    assert grid_model(str(tmp_path / "a.keras"))[1] == "0..255"


@pytest.mark.parametrize("pixels", ["0..255", "0..1", "-1..1"])
def test_ranges(pixels):
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Activation("linear")]
    )
    found = GridExtractor(model, pixels=pixels)(
        tf.constant([encoded(np.array([[[0, 51, 255]]], "uint8"), "PNG")])
    )
    low, high = (float(text) for text in pixels.split(".."))
    expected = low + np.array([0, 0.2, 1]) * (high - low)
    np.testing.assert_allclose(found[0, 0, 0], expected, rtol=1e-3, atol=1e-3)


def test_an_application_of_keras():
    model, pixels = grid_model("MobileNetV2", weights=None)
    extractor = GridExtractor(model, size=(64, 96), pixels=pixels)
    assert extractor.shape == (2, 3, 1280)
    image = blocks(8, 12, 3)
    prepared = keras.applications.mobilenet_v2.preprocess_input(
        image[None].astype("float32")
    )
    np.testing.assert_allclose(
        extractor(tf.constant([encoded(image, "PNG")])), model(prepared), atol=2e-3
    )


def test_pixels_alone():
    extractor = GridExtractor(size=(16, 24))
    image = blocks(2, 3, 3)
    found = extractor(tf.constant([encoded(image, "PNG")]))
    assert (extractor.dtype, extractor.shape) == ("uint8", (16, 24, 3))
    np.testing.assert_array_equal(found[0], image)


def test_digests_are_of_weights_and_settings():
    def digest(seed, **options):
        keras.utils.set_random_seed(seed)
        model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)])
        return GridExtractor(model, **options).digest

    some = [digest(1), digest(2), digest(1, pixels="0..1")]
    assert len(set(some)) == 3
    assert digest(1) == some[0]  # in one process the layers have other names
    sizes = [GridExtractor(size=(8, side)).digest for side in (8, 9, 8)]
    assert sizes[0] == sizes[2] != sizes[1]


@pytest.fixture
def files(tmp_path):
    """Two images, and files that are none."""
    contents = {
        "a": encoded(blocks(2, 3, 3, seed=1), "PNG"),
        "b": encoded(blocks(5, 2, 3, seed=2), "JPEG"),
        "cut": encoded(blocks(5, 2, 3, seed=3), "JPEG")[:150],
        "text": b"not an image",
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    return {name: tmp_path / f"{name}.jpg" for name in contents}


def test_grids_are_kept_and_found_again(files, extractor, tmp_path):
    heard = []
    grids = cache_grids(
        files, extractor, tmp_path / "cache", progress=lambda *now: heard.append(now)
    )
    assert set(grids.files) == {"a", "b"}
    assert set(grids.broken) == {"cut", "text", "empty"}
    assert all(grids.broken.values())
    assert heard[-1] == (2, 5)
    for name in ("a", "b"):
        expected = extractor(tf.constant([files[name].read_bytes()]))[0]
        np.testing.assert_array_equal(grids.read(str(grids.files[name])), expected)
        np.testing.assert_array_equal(np.load(grids.files[name]), expected)
    times = {name: file.stat().st_mtime_ns for name, file in grids.files.items()}
    Path(grids.files["b"]).write_bytes(b"cut off by a kill -9")
    again = cache_grids(files, extractor, tmp_path / "cache")
    assert again == grids
    assert grids.files["a"].stat().st_mtime_ns == times["a"]
    assert np.load(grids.files["b"]).shape == (2, 3, 5)


def test_pixels_are_kept_as_bytes(files, tmp_path):
    grids = cache_grids({"a": files["a"]}, GridExtractor(size=(16, 24)), tmp_path / "c")
    np.testing.assert_array_equal(
        grids.read(str(grids.files["a"])), blocks(2, 3, 3, seed=1)
    )


def test_nothing_to_do(extractor, tmp_path):
    grids = cache_grids({}, extractor, tmp_path)
    assert (grids.files, grids.broken) == ({}, {})


def test_features_that_are_no_numbers(files, tmp_path):
    scale = keras.layers.Rescaling(1e9)
    model = keras.Sequential([keras.Input((4, 4, 3)), scale])
    with pytest.raises(ValueError, match="finite features in float16"):
        cache_grids({"a": files["a"]}, GridExtractor(model), tmp_path / "c")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: grid_model("EffNet"), ValueError, "name of a model of keras.applica"),
        (lambda: grid_model("nowhere.keras"), FileNotFoundError, "nowhere.keras"),
        (lambda: GridExtractor(pixels="0..2"), ValueError, "`pixels` must be one of"),
        (lambda: GridExtractor(size=(0, 3)), ValueError, "`size` must be a pair"),
        (
            lambda: GridExtractor(network(), size=(9, 9)),
            ValueError,
            r"`size` must be \(16, 24\)",
        ),
        (lambda: GridExtractor(network()), ValueError, "`model` must give grids"),
        (
            lambda: GridExtractor(
                keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
            ),
            ValueError,
            r"`model` must have images \(B, H, W, 3\)",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_file_without_a_grid(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.save(tmp_path / "flat.keras")
    with pytest.raises(ValueError, match="none of its 1 layers does"):
        grid_model(str(tmp_path / "flat.keras"))


def test_a_single_cell_is_no_grid(tmp_path):
    x = keras.Input((8, 8, 3))
    grid = keras.layers.Conv2D(2, 4, strides=4)(x)
    mean = keras.layers.GlobalAveragePooling2D(keepdims=True)(grid)
    keras.Model(x, mean).save(tmp_path / "a.keras")
    assert grid_model(str(tmp_path / "a.keras"))[0].output_shape == (None, 2, 2, 2)


class _Own(keras.layers.Layer):
    """A layer that loading doesn't know."""

    def call(self, x):
        return x


def test_a_file_that_keras_cannot_load(tmp_path):
    x = keras.Input((8, 8, 3))
    keras.Model(x, _Own()(x)).save(tmp_path / "own.keras")
    (tmp_path / "text.keras").write_bytes(b"no model")
    for name in ("own.keras", "text.keras"):
        with pytest.raises(ValueError, match=f"{name}' must be a model that Keras can"):
            grid_model(str(tmp_path / name))
