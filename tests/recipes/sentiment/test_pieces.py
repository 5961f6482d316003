"""What the sentiment recipe's LSTMs learn from, and in which steps."""

import numpy as np
import pytest

from recipes.sentiment import recipe
from recipes.sentiment.pieces import Pieces, Plan
from recipes.sentiment.recipe import build_model, load_data
from tests.recipes.sentiment.reviews import BAD, GOOD, reviews


def test_the_plan_depends_on_the_texts():
    config = recipe.Config(data="rt-polarity").complete()
    short, long = (
        Plan.of(config, np.full(count, size))
        for count, size in ((10_000, 25), (25_000, 300))
    )
    assert (short.epochs, short.members, short.folds) == (5, 5, 5)
    assert (long.epochs, long.members, long.folds) == (2, 1, 10)
    assert long.tokens > short.tokens


def test_labels_that_weigh_the_same(tmp_path):
    """The loss against its equation, of texts of which a fifth have one label."""
    path = tmp_path / "rare.tsv"
    kinds = [("bad", BAD), *[("good", GOOD)] * 4]
    path.write_text("".join(reviews(250, 7, kinds)))
    settings = {"data": str(path), "units": 4, "quick": True}
    config = recipe.Config(**settings, class_weights="balanced").complete()
    pieces = Pieces.of(config, load_data(config), verbose=0)
    share = pieces.of_plain()
    counts = np.bincount(pieces.labels)
    assert counts[1] > 3 * counts[0]
    _, labels, weights = next(iter(share.training(0)))
    expected = len(pieces.labels) / 2 / counts[labels.numpy()]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    model = build_model(config, share, plain=True)
    logits, labels = share.logits(model), pieces.labels[share.held_out]
    nats = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(labels)), labels]
    expected = np.mean(nats * len(pieces.labels) / 2 / counts[labels])
    loss, _ = model.evaluate(share.validation(), verbose=0)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert loss != pytest.approx(nats.mean(), rel=1e-3)
