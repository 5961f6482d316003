import itertools

import keras
import numpy as np
import pytest

from keras_seq.layers import ExplicitLSTM, RecurrentLanguageModel
from keras_seq.training import (
    ResetState,
    SequenceCrossEntropy,
    stream_batches,
    stream_dataset,
    stream_steps,
)

START, END = 1, 2


@pytest.fixture(scope="module")
def documents():
    """Documents of unequal length whose tokens are all different."""
    rng = np.random.default_rng(0)
    ids = iter(rng.permutation(np.arange(10, 200)).tolist())
    return [
        [START, *(next(ids) for _ in range(length)), END]
        for length in (3, 11, 1, 7, 20, 5)
    ]


def joined(batches):
    """Row by row what the windows of a stream hold together."""
    return [np.concatenate(parts, axis=1) for parts in zip(*batches, strict=True)]


@pytest.mark.parametrize(("rows", "window"), [(1, 4), (3, 5), (4, 100), (7, 1)])
def test_streams_are_the_documents_one_behind_the_other(documents, rows, window):
    flat = [token for document in documents for token in document]
    batches = list(stream_batches(documents, rows, window))
    assert len(batches) == stream_steps(documents, rows, window)
    assert {x.shape for x, _, _ in batches} == {(rows, window)}
    x, y, weight = joined(batches)
    length = len(flat) // rows
    for row in range(rows):
        begin = row * length
        assert x[row, :length].tolist() == flat[begin : begin + length]
        following = [*flat, *flat][begin + 1 : begin + length + 1]
        assert y[row, :length].tolist() == following
        counts = [float(token != START) for token in following]
        assert weight[row].tolist() == counts + [0.0] * (x.shape[1] - length)


def test_an_epoch_has_its_own_order_and_the_same_tokens(documents):
    def targets(epoch):
        _, y, weight = joined(stream_batches(documents, 2, 6, seed=3, epoch=epoch))
        return y[weight > 0].tolist()

    flat = [t for document in documents for t in document if t != START]
    tokens = sum(map(len, documents))
    for epoch in range(3):
        found = targets(epoch)
        assert len(found) >= len(flat) - tokens % 2
        assert not set(found) - set(flat)
        assert found == targets(epoch)
    assert targets(0) != targets(1)


def test_inside_a_document_each_token_follows_its_own(documents):
    after = {a: b for d in documents for a, b in itertools.pairwise(d) if a > 2}
    x, y, weight = joined(stream_batches(documents, 3, 5, seed=1, epoch=4))
    for a, b, counts in zip(x.ravel(), y.ravel(), weight.ravel(), strict=True):
        if counts and a in after:
            assert after[a] == b


def test_some_windows_begin_anew_and_nothing_else_changes(documents):
    plain = list(stream_batches(documents, 4, 3, seed=5))
    fresh = list(stream_batches(documents, 4, 3, seed=5, fresh=0.5))
    changed = []
    for (x, *rest), (x_fresh, *rest_fresh) in zip(plain, fresh, strict=True):
        for a, b in zip(rest, rest_fresh, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(x[:, 1:], x_fresh[:, 1:])
        changed.append(x_fresh[:, 0] == START)
    assert changed[0].all()
    later = np.array(changed[1:])
    assert 0.2 < later.mean() < 0.8


def test_a_dataset_goes_on_where_another_would_have_come(documents):
    steps = stream_steps(documents, 3, 5)

    def windows(first_epoch):
        data = stream_dataset(
            documents, 3, 5, seed=1, first_epoch=first_epoch, fresh=0.2
        )
        return [[part.numpy() for part in window] for window in data.take(2 * steps)]

    for later, earlier in zip(windows(1)[:steps], windows(0)[steps:], strict=True):
        for a, b in zip(later, earlier, strict=True):
            np.testing.assert_array_equal(a, b)
    assert len(list(stream_dataset(documents, 3, 5))) == steps


def test_an_epoch_starts_from_0(documents):
    """Also where another number of windows came before it."""

    def trained(before):
        keras.utils.set_random_seed(1)
        model = RecurrentLanguageModel(200, dim=3, units=4, batch_size=3)
        model.compile(keras.optimizers.SGD(0.0), SequenceCrossEntropy(mask_id=None))
        model.build((None, None))
        for _ in range(before):
            model(np.full((3, 2), 50), training=True)
        history = model.fit(
            stream_dataset(documents, 3, 5),
            callbacks=[ResetState()],
            verbose=0,
            shuffle=False,
        )
        return history.history["loss"], keras.ops.convert_to_numpy(model.carried[0][1])

    (loss, state), (again, other) = trained(0), trained(2)
    assert loss == again
    np.testing.assert_array_equal(state, other)


def test_stateful_layers_are_reset_too():
    layer = ExplicitLSTM(3, stateful=True)
    model = keras.Sequential([keras.Input(batch_shape=(2, 4, 1)), layer])
    model(np.ones((2, 4, 1)))
    assert np.abs(keras.ops.convert_to_numpy(layer.states[0])).max() > 0
    callback = ResetState()
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert np.abs(keras.ops.convert_to_numpy(layer.states[0])).max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 5), "`batch_size` must be a positive integer; received 0"),
        ((2, 1.5), "`window` must be a positive integer; received 1.5"),
        ((1000, 5), "a token for each of 1000 streams"),
    ],
)
def test_bad_arguments_are_refused(documents, arguments, message):
    with pytest.raises(ValueError, match=message):
        stream_steps(documents, *arguments)
    with pytest.raises(ValueError, match=message):
        stream_dataset(documents, *arguments)


@pytest.mark.parametrize(
    "options", [{"fresh": 1.0, "seed": 1}, {"fresh": 0.1}, {"fresh": -0.1, "seed": 1}]
)
def test_fresh_needs_a_seed_and_a_share(documents, options):
    with pytest.raises(ValueError, match="`fresh` must be in"):
        list(stream_batches(documents, 2, 5, **options))
