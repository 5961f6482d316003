"""A recurrent language model against the equations, whole, in windows, in steps."""

import inspect

import h5py
import keras
import numpy as np
import pytest

from keras_seq.layers import RecurrentLanguageModel
from tests.reference import lstm as oracle

TOKENS = np.array([[1, 5, 7, 2, 1, 9, 4], [1, 3, 3, 8, 6, 2, 5]])
SIZE, DIM = 11, 4


def made(**options):
    """A model whose weights are random and all different."""
    model = RecurrentLanguageModel(SIZE, **{"dim": DIM, "units": 5, **options})
    model.build((None, None))
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * 0.7)
    return model


def array(value):
    return keras.ops.convert_to_numpy(value).astype("float64")


def numpy_logits(model, tokens):
    """Logits by the equations of the docstring, in float64."""
    matrix = array(model.embedding.embeddings)
    h = matrix[tokens] * model.dim**0.5
    for layer in model.lstms:
        weights = [array(w) for w in layer.weights]
        zero = np.zeros((len(tokens), model.units))
        h = oracle.lstm(h, zero, zero, *weights)["h"]
    if model.projection is not None:
        h = h @ array(model.projection.kernel)
    return h @ matrix.T + array(model.bias)


@pytest.mark.parametrize("options", [{}, {"depth": 2}, {"units": DIM}])
def test_logits_are_those_of_the_equations(options):
    model = made(**options)
    np.testing.assert_allclose(
        model(TOKENS), numpy_logits(model, TOKENS), rtol=1e-4, atol=1e-5
    )
    assert (model.projection is None) == (options.get("units") == DIM)


def test_steps_and_windows_give_what_the_whole_gives():
    model = made(depth=2)
    whole = model(TOKENS)
    first, state = model(TOKENS[:, :3], return_state=True)
    rest = model(TOKENS[:, 3:], initial_state=state)
    np.testing.assert_allclose(np.concatenate([first, rest], 1), whole, atol=1e-5)
    state = model.initial_state(2)
    for t in range(TOKENS.shape[1]):
        logits, state = model.step(TOKENS[:, t], state)
        np.testing.assert_allclose(logits, whole[:, t], atol=1e-5)


def test_the_state_is_carried_in_training_until_it_is_reset():
    """Windows of a stream are read as the whole stream is."""
    model = made(depth=2, batch_size=2)
    whole = np.array(model(TOKENS))
    for _ in range(2):  # the second time after a reset
        windows = [model(TOKENS[:, t : t + 3], training=True) for t in (0, 3, 6)]
        np.testing.assert_allclose(np.concatenate(windows, 1), whole, atol=1e-5)
        model(TOKENS)  # inference neither reads nor changes it
        model.reset_state()
    model(TOKENS[:, :3], training=True)
    again = model(TOKENS, training=True)
    assert np.abs(again - whole).max() > 1e-3


def test_a_row_that_begins_with_the_start_token_begins_from_0():
    model = made(batch_size=2, start_token=1)
    whole = np.array(model(TOKENS))
    first, second = (model(TOKENS[:, t], training=True) for t in ([0, 1, 2], [3, 4]))
    np.testing.assert_allclose(
        np.concatenate([first, second], 1), whole[:, :5], atol=1e-5
    )
    mixed = np.array([TOKENS[0, :2], TOKENS[1, 5:]])  # the first row begins anew
    found = model(mixed, training=True)
    np.testing.assert_allclose(found[0], whole[0, :2], atol=1e-5)
    np.testing.assert_allclose(found[1], whole[1, 5:], atol=1e-5)


def test_gradients_end_where_the_call_begins():
    import tensorflow as tf

    model = made(batch_size=2)
    model(TOKENS[:, :3], training=True)
    state = [[tf.convert_to_tensor(v) for v in pair] for pair in model.carried]

    def gradients(**options):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(TOKENS[:, 3:], **options) ** 2)
        found = tape.gradient(loss, model.trainable_weights)
        return [np.array(tf.convert_to_tensor(g)) for g in found]

    for carried, given in zip(
        gradients(training=True), gradients(initial_state=state), strict=True
    ):
        np.testing.assert_allclose(carried, given, rtol=1e-4, atol=1e-4)


def test_a_masked_end_leaves_the_state_alone():
    model = made()
    mask = np.arange(7) < np.array([[3], [7]])
    _, state = model(TOKENS, mask=mask, return_state=True)
    _, short = model(TOKENS[:1, :3], return_state=True)
    np.testing.assert_allclose(state[0][0][0], short[0][0][0], atol=1e-6)


def test_dropped_words_are_dropped_wherever_they_stand():
    model = made(word_dropout=0.5, seed=3)
    tokens = np.tile(np.arange(SIZE), (3, 4))
    x = np.array(model._embed(tokens, True)).reshape(-1, SIZE, DIM)
    full = np.array(model._embed(np.arange(SIZE), False))
    kept = np.abs(x).sum(-1) > 0
    assert (kept == kept[0]).all()
    assert 0 < kept[0].sum() < SIZE
    np.testing.assert_allclose(x[0][kept[0]], 2 * full[kept[0]], rtol=1e-5)


def test_prepared_steps_are_steps():
    for size in (10, 257):
        model = RecurrentLanguageModel(size, dim=6, units=8, depth=2)
        model(TOKENS)
        prepared = model.prepared_step()
        assert (prepared == model.step) == (size == 257)
        states = [model.initial_state(len(TOKENS))] * 2
        for t in range(TOKENS.shape[1]):
            expected, states[0] = model.step(TOKENS[:, t], states[0])
            logits, states[1] = prepared(TOKENS[:, t], states[1])
            np.testing.assert_allclose(logits, expected, atol=1e-6)


def test_dropped_outputs_are_the_same_at_all_steps():
    model = made(units=64, dim=64, output_dropout=0.5, seed=3)
    model.embedding.embeddings.assign(np.eye(SIZE, 64))  # logits show the outputs
    model.bias.assign(np.zeros(SIZE))
    dropped = np.array(model(TOKENS, training=True)) == 0
    assert (dropped == dropped[:, :1]).all()
    assert 0 < dropped[:, 0].sum() < dropped[:, 0].size
    assert (dropped[0, 0] != dropped[1, 0]).any()  # each row has its own


def test_every_argument_is_in_the_config_and_is_saved(tmp_path):
    options = {
        "dim": 3,
        "units": 4,
        "depth": 2,
        "batch_size": 2,
        "start_token": 1,
        "word_dropout": 0.1,
        "input_dropout": 0.2,
        "dropout": 0.3,
        "output_dropout": 0.4,
        "weight_dropout": 0.5,
        "seed": 6,
    }
    names = set(inspect.signature(RecurrentLanguageModel).parameters)
    assert names == {"vocabulary_size", "kwargs", *options}
    model = made(**options)
    assert options.items() <= model.get_config().items()
    expected = model(TOKENS)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(TOKENS), expected, atol=1e-6)
    assert loaded.get_config() == model.get_config()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "units"),
        ({"dim": -1}, "dim"),
        ({"depth": 0}, "depth"),
        ({"batch_size": 0}, "batch_size"),
        *(
            ({name: 1.0}, name)
            for name in (
                "word_dropout",
                "input_dropout",
                "dropout",
                "output_dropout",
                "weight_dropout",
            )
        ),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        made(**options)


def test_another_number_of_rows_is_refused_in_training():
    model = made(batch_size=3)
    with pytest.raises(ValueError, match="must have `batch_size` = 3 rows"):
        model(TOKENS, training=True)
    assert model(TOKENS).shape == (2, 7, SIZE)


def test_all_parts_compute_in_the_dtype_of_the_model():
    model = made(dtype="float64")
    np.testing.assert_allclose(model(TOKENS), numpy_logits(model, TOKENS), rtol=1e-10)
    half = made(dtype="mixed_float16", batch_size=2)
    logits, state = half(TOKENS, training=True, return_state=True)
    kept = [*keras.tree.flatten(state), logits]
    assert {keras.backend.standardize_dtype(x.dtype) for x in kept} == {"float16"}
    np.testing.assert_allclose(
        array(logits), numpy_logits(half, TOKENS), rtol=0.05, atol=0.05
    )
    again = RecurrentLanguageModel.from_config(half.get_config())
    assert again.lstms[0].compute_dtype == "float16"


def test_weights_fit_a_model_with_any_number_of_rows(tmp_path):
    """The carried state is none of them."""
    trained = made(batch_size=2, depth=2)
    trained(TOKENS, training=True)
    names = [weight.name for weight in trained.weights]
    assert names == [weight.name for weight in made(depth=2).weights]
    assert len(trained.non_trainable_variables) == 2 * 2 + 3  # and three seeds
    trained.save_weights(tmp_path / "trained.weights.h5")
    trained.save(tmp_path / "trained.keras")
    expected = np.array(trained(TOKENS))
    for batch_size in (3, None):
        for path in (None, "trained.weights.h5", "trained.keras"):
            model = made(batch_size=batch_size, depth=2)
            model.bias.assign(model.bias + 1)
            if path is None:
                model.set_weights(trained.get_weights())
            else:
                model.load_weights(tmp_path / path)
            np.testing.assert_allclose(model(TOKENS), expected, atol=1e-6)
    loaded = keras.models.load_model(tmp_path / "trained.keras")
    assert not np.any(array(loaded.carried[1][0]))
    np.testing.assert_allclose(loaded(TOKENS, training=True), expected, atol=1e-6)


def test_files_with_the_state_among_the_weights_load(tmp_path):
    """As version 0.1.0 wrote them: behind the bias, in the model's own group."""
    trained = made(batch_size=2, depth=2)
    expected = np.array(trained(TOKENS))
    states = [np.full((7, 5), i, "float32") for i in range(4)]
    path = tmp_path / "old.weights.h5"
    trained.save_weights(path)
    with h5py.File(path, "r+") as file:
        assert list(file["vars"]) == ["0"]
        for i, state in enumerate(states):
            file["vars"][str(i + 1)] = state
    for batch_size in (2, None):
        model = made(batch_size=batch_size, depth=2)
        model.bias.assign(model.bias + 1)
        model.load_weights(path)
        np.testing.assert_allclose(model(TOKENS), expected, atol=1e-6)
        bias, *rest = trained.get_weights()
        model.set_weights([weight * 0 for weight in trained.get_weights()])
        model.set_weights([bias, *states, *rest])
        np.testing.assert_allclose(model(TOKENS), expected, atol=1e-6)
    with pytest.raises(ValueError, match="weight list of length 14"):
        model.set_weights([bias, *states, *rest, bias])


def test_a_short_last_batch_is_refused_by_name():
    """Within the graph too, where the number of rows isn't known."""
    model = made(batch_size=2)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rows = np.concatenate([TOKENS, TOKENS[:1]])
    fit = {"batch_size": 2, "verbose": 0, "shuffle": False}
    with pytest.raises(
        Exception, match=r"`batch_size` = 2 rows .*`drop_remainder=True"
    ):
        model.fit(rows, rows, **fit)
    model.fit(np.concatenate([TOKENS, TOKENS]), np.zeros((4, 7)), **fit)
