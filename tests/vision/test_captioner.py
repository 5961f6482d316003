import numpy as np
import pytest
import tensorflow as tf

from keras_seq.vision import Captioner, caption_signatures, decode_images
from tests.vision.captioners import IMAGES, WORDS, captioner

END_MARK = "■"


@pytest.fixture(scope="module", params=[False, True], ids=["recurrent", "transformer"])
def trained(request):
    return captioner(transformer=request.param)


@pytest.fixture(scope="module")
def found(trained):
    return trained.caption(IMAGES, width=4, n_best=3)


def grids(trained):
    return trained.extractor(tf.constant(IMAGES))


def test_probabilities_are_those_of_the_model(trained, found):
    """The product over the words, by teacher forcing."""
    for captions, grid in zip(found, grids(trained), strict=True):
        for caption in captions:
            if caption.finished:
                nats, tokens = trained.score([grid[None]], [caption.text])
                assert caption.probability == pytest.approx(np.exp(-nats[0]), rel=1e-3)
                expected = -nats[0] / ((5 + tokens[0]) / 6)
                assert caption.score == pytest.approx(expected, abs=1e-4)
                assert tokens[0] == len(caption.words)


def test_best_first_and_without_marks(found):
    ended = 0
    for captions in found:
        scores = [caption.score for caption in captions if caption.finished]
        assert scores == sorted(scores, reverse=True)
        ended += len(scores)
        for caption in captions:
            words = [word for word in caption.words if word != END_MARK]
            assert set(words) <= set(WORDS)
            assert " ".join(words) == caption.text
            assert caption.finished == (caption.words[-1:] == [END_MARK])
    assert ended > 3


def test_attention_is_over_the_grid(trained, found):
    for captions, grid in zip(found, grids(trained), strict=True):
        for caption in captions:
            assert caption.attention.shape == (len(caption.words), 4, 6)
            np.testing.assert_allclose(caption.attention.sum((1, 2)), 1, atol=1e-5)
        best = captions[0]
        weights = trained.align(grid[None], tf.constant([best.text]))[0].numpy()
        np.testing.assert_allclose(
            best.attention, weights[: len(best.words)], atol=1e-5
        )


def test_rows_of_the_grid_are_rows_of_the_image():
    """A cell's weight follows its pixels: the picture turned turns the attention."""
    trained = captioner()
    [pixels] = decode_images(tf.constant(IMAGES[:1]), (4, 6))
    pixels = tf.cast(tf.round(pixels), tf.uint8)
    turned = pixels[::-1]
    # The encoder knows no places, so the caption is the same.
    [[one], [other]] = trained.caption_grids([tf.stack([pixels, turned])])
    assert one.text == other.text
    np.testing.assert_allclose(one.attention[:, ::-1], other.attention, atol=1e-5)
    assert np.ptp(one.attention.mean((0, 2))) > 1e-3


def test_batches_change_nothing(trained, found):
    heard = []
    again = trained.caption(
        IMAGES, batch_size=3, width=4, n_best=3, progress=lambda *now: heard.append(now)
    )
    assert heard == [(3, 4), (4, 4)]
    for some, others in zip(found, again, strict=True):
        assert [c.text for c in some] == [c.text for c in others]


def test_the_signatures_give_the_same(trained, found, monkeypatch):
    traced = []
    search = trained.search

    def counted(*inputs, max_width, **options):
        traced.append(max_width)
        return search(*inputs, max_width=max_width, **options)

    monkeypatch.setattr(trained, "search", counted)
    signatures = caption_signatures(trained, width=4)
    images = tf.constant(IMAGES)
    texts = [best.text.encode() for best, *_ in found]
    served = signatures["serving_default"].function(image_bytes=images)
    assert list(served["caption"].numpy()) == texts
    served = signatures["attention"].function(image_bytes=images)
    assert list(served["caption"].numpy()) == texts
    for row, (best, *_) in enumerate(found):
        words = [word.decode() for word in served["words"][row].numpy() if word]
        assert words == [word for word in best.words if word != END_MARK]
        weights = served["attention"][row].numpy()
        np.testing.assert_allclose(
            weights[: len(best.words)], best.attention, atol=1e-5
        )
        assert not weights[len(best.words) :].any()
    served = signatures["caption"].function(
        image_bytes=images,
        width=tf.fill([4], 4),
        n_best=tf.constant([1, 2, 3, 3]),
        length_penalty=tf.ones([4]),
    )
    for row, n in enumerate((1, 2, 3, 3)):
        given = [text.decode() for text in served["captions"][row].numpy()]
        assert given[:n] == [caption.text for caption in found[row][:n]]
        assert not any(given[n:])
        assert not served["probabilities"][row, n:].numpy().any()
    nats = signatures["score"].function(image_bytes=images, caption=tf.constant(texts))
    expected, _ = trained.score([grids(trained)], [best.text for best, *_ in found])
    np.testing.assert_allclose(nats["nats"], expected, atol=1e-4)
    assert traced == [4, 1, 4, 16]  # once each, but the default's for what it gives


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width"),
        ({"width": 17}, "width must be <= 16"),
        ({"n_best": 5}, "n_best must be <= width"),
        ({"length_penalty": -1.0}, "length_penalty must be >= 0"),
        ({"length_penalty": float("inf")}, "length_penalty must be finite"),
    ],
)
def test_requests_that_are_refused(options, message):
    signature = caption_signatures(captioner(), strict=True)["caption"].function
    request = {"width": 3, "n_best": 1, "length_penalty": 1.0, **options}
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        signature(
            image_bytes=tf.constant(IMAGES[:1]),
            **{name: tf.constant([value]) for name, value in request.items()},
        )


def test_bad_arguments():
    trained = captioner()
    with pytest.raises(ValueError, match="`n_best` must be in"):
        trained.caption(IMAGES, width=2, n_best=3)
    with pytest.raises(ValueError, match="`width`"):
        trained.caption(IMAGES, width=0, n_best=0)
    with pytest.raises(ValueError, match="`longest` must be at least 1"):
        Captioner(trained.model, trained.vocabulary, trained.extractor, longest=0)
    with pytest.raises(ValueError, match="`width` must be in"):
        caption_signatures(trained, width=17)
    with pytest.raises(tf.errors.InvalidArgumentError):
        trained.caption([b"no image"])
