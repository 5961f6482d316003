import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Greedy, generate
from keras_seq.layers import (
    AttentionDecoder,
    BahdanauAttention,
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitGRUCell,
    ExplicitLSTM,
    ExplicitLSTMCell,
    LuongAttention,
    PositionalEncoding,
    TransformerDecoder,
    TransformerEncoder,
)

SOURCE = np.array([[5, 6, 7, 8], [4, 3, 0, 0], [9, 0, 0, 0]])
TARGET = np.array([[1, 4, 6, 5, 9], [1, 8, 8, 3, 7], [1, 3, 4, 5, 6]])


@keras.saving.register_keras_serializable(package="tests")
class WithState(keras.layers.Layer):
    """An encoder that gives the decoder's initial state too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gru = ExplicitGRU(8, return_sequences=True, return_state=True)
        self.supports_masking = True

    def build(self, x_shape):
        self.gru.build(x_shape)

    def call(self, x, mask=None, training=False):
        memory, state = self.gru(x, mask=mask, training=training)
        return memory, [state]


def recurrent(encoder=None, decoder=None, **options):
    return EncoderDecoder(
        encoder or WithState(),
        decoder or BahdanauDecoder(8, 6, cell="gru"),
        11,
        **{"source_vocabulary": 10, "dim": 4, **options},
    )


def transformer(**options):
    return EncoderDecoder(
        TransformerEncoder(2, 2, 16),
        TransformerDecoder(2, 2, 16),
        11,
        **{
            "source_vocabulary": 11,
            "share_embeddings": True,
            "dim": 8,
            "positions": PositionalEncoding(),
            "readout": False,
            **options,
        },
    )


def luong():
    cells = [ExplicitGRUCell(7), ExplicitGRUCell(8)]
    decoder = AttentionDecoder(cells, LuongAttention(), attend="after", output_units=5)
    return recurrent(ExplicitGRU(8, return_sequences=True), decoder)


KINDS = {"recurrent": recurrent, "luong": luong, "transformer": transformer}


@pytest.fixture(params=KINDS)
def model(request):
    keras.utils.set_random_seed(3)
    model = KINDS[request.param]()
    model.build({"source": (None, None), "target": (None, None)})
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.5, weight.shape))
    return model


def read(model, **options):
    return model({"source": SOURCE, "target": TARGET}, **options)


def test_logits_are_of_the_tied_embedding():
    model = recurrent()
    read(model)
    model.readout_dense.kernel.assign(0.0 * model.readout_dense.kernel)
    r = np.array([0.1, -0.2, 0.3, 0.4])
    model.readout_dense.bias.assign(np.arctanh(r))
    b = np.linspace(-1, 1, 11)
    model.bias.assign(b)
    expected = np.asarray(model.target_embedding.embeddings) @ r + b
    np.testing.assert_allclose(read(model)[1, 2], expected, rtol=1e-5)


def test_stepping_gives_the_logits_of_the_whole(model):
    whole, alignment = read(model, return_attention_scores=True)
    state, constants = model.begin(SOURCE, 5)
    for t in range(5):
        logits, state, weights = model.step(TARGET[:, t], state, constants)
        np.testing.assert_allclose(logits, whole[:, t], atol=1e-5)
        np.testing.assert_allclose(weights, alignment[:, t], atol=1e-6)


def test_padding_changes_nothing(model):
    whole = read(model)
    for row, length in enumerate((4, 2, 1)):
        alone = model(
            {"source": SOURCE[row : row + 1, :length], "target": TARGET[row : row + 1]}
        )
        np.testing.assert_allclose(alone[0], whole[row], atol=1e-5)


def test_alignments_add_up_and_leave_padding_out(model):
    _, weights = read(model, return_attention_scores=True)
    np.testing.assert_allclose(np.sum(weights, -1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(weights)[2, :, 1:], 0.0)


def test_saved_and_reloaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(read(again), read(model))


def test_generation_follows_the_step(model):
    @tf.function(autograph=False)
    def run(source):
        state, constants = model.begin(source, tf.shape(source)[1] + 2)
        return generate(
            model.step,
            state,
            tf.ones(tf.shape(source)[:1], tf.int32),
            constants=constants,
            max_length=6,
            strategy=Greedy(),
            end_token=2,
        )

    found = run(tf.constant(SOURCE, tf.int32))
    read_back = np.concatenate([np.ones((3, 1), int), found.ids[:, :-1]], axis=1)
    logits, alignment = model(
        {"source": SOURCE, "target": read_back}, return_attention_scores=True
    )
    for row, length in enumerate(found.lengths.numpy()):
        likeliest = np.argmax(logits[row], -1)[:length]
        np.testing.assert_array_equal(likeliest, found.ids[row][:length])
        np.testing.assert_allclose(
            found.kept[row][:length], alignment[row][:length], atol=1e-5
        )


def test_beam_of_one_is_greedy(model):
    results = []
    for strategy in (Greedy(), Beam(1)):
        state, constants = model.begin(SOURCE, 6)
        results.append(
            generate(
                model.step,
                state,
                np.array([1, 1, 1]),
                constants=constants,
                max_length=6,
                strategy=strategy,
                end_token=2,
            )
        )
    np.testing.assert_array_equal(results[0].ids, results[1].ids[:, 0])


@pytest.mark.parametrize("model", ["recurrent", "transformer"], indirect=True)
def test_training_lowers_the_loss(model):
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)  # or `fit` traces twice
    following = np.concatenate([TARGET[:, 1:], np.full((3, 1), 2)], axis=1)
    inputs = {"source": SOURCE, "target": TARGET}
    history = model.fit(inputs, following, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


def test_shared_embeddings_are_one():
    model = transformer()
    assert model.source_embedding is model.target_embedding
    read(model)
    assert sum("embedding" in w.path for w in model.trainable_weights) == 1


def test_dropout_acts_in_training_alone():
    model = recurrent(dropout=0.5, seed=1)
    assert not np.allclose(read(model, training=True), read(model))
    np.testing.assert_array_equal(read(model), read(model))


def test_a_source_that_is_not_of_tokens():
    model = EncoderDecoder(
        keras.layers.Dense(3),
        AttentionDecoder(ExplicitGRUCell(8), BahdanauAttention(6)),
        11,
        dim=4,
    )
    features = np.random.default_rng(0).normal(size=(2, 5, 7)).astype("float32")
    logits, weights = model(
        {"source": features, "target": TARGET[:2]}, return_attention_scores=True
    )
    assert logits.shape == (2, 5, 11)
    assert weights.shape == (2, 5, 5)


def test_states_one_by_one_are_those_of_the_decoder():
    encoder = ExplicitLSTM(8, return_sequences=True, return_state=True)
    model = recurrent(encoder, BahdanauDecoder(8, 6))
    read(model)
    memory, _, (h, c) = model.encode(SOURCE)
    state = model.begin(SOURCE, 5)[0]["decoder"]
    np.testing.assert_array_equal(state.cell, [h, c])
    np.testing.assert_array_equal(h, memory[:, -1])
    # A GRU has one state: none is dropped unsaid.
    with pytest.raises(ValueError, match=r"`initial_state` must be 1 tensor"):
        read(recurrent(encoder))


def test_all_parts_compute_in_the_dtype_of_the_model():
    model = recurrent(
        ExplicitGRU(8, return_sequences=True, dtype="float64"),
        BahdanauDecoder(8, 6, dtype="float64"),
        dtype="float64",
    )
    assert read(model).dtype == "float64"
    assert {weight.dtype for weight in model.weights} - {"float64"} <= {"uint32"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share_embeddings": True}, "needs one vocabulary.*10.*11"),
        ({"dropout": 1.0}, "`dropout` must be in"),
        ({"dim": 0}, "`dim` must be a positive integer; received 0"),
        ({"source_vocabulary": -1}, "`source_vocabulary` must be a positive integer"),
        ({"readout": False}, "`readout` must be True unless .* dim = 4 .* of 16"),
    ],
)
def test_refused_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        read(recurrent(**options))


@pytest.mark.parametrize("of", ["ours", "keras"])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_states_of_both_directions(kind, of):
    """They go on as one: what the decoder gives from [h; h], and [c; c]."""
    layers = {
        "lstm": (ExplicitLSTM, keras.layers.LSTM, ExplicitLSTMCell),
        "gru": (ExplicitGRU, keras.layers.GRU, ExplicitGRUCell),
    }
    ours, theirs, cell = layers[kind]
    reader = (ours if of == "ours" else theirs)(
        3, return_sequences=True, return_state=True
    )
    encoder = keras.layers.Bidirectional(reader)
    decoder = AttentionDecoder(cell(6), LuongAttention())
    model = recurrent(encoder, decoder)
    model({"source": SOURCE, "target": TARGET})
    memory, _, state = model.encode(SOURCE)
    x = model.source_embedding(SOURCE) * 4**0.5
    expected, *states = encoder(x, mask=SOURCE != 0)
    np.testing.assert_allclose(memory, expected, atol=1e-6)
    count = len(states) // 2
    wanted = [
        np.concatenate([forward, backward], axis=-1)
        for forward, backward in zip(states[:count], states[count:], strict=True)
    ]
    given = [state] if kind == "gru" else state
    assert len(given) == count
    for one, other in zip(given, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    begun, _ = model.begin(SOURCE, 5)
    for one, other in zip(begun["decoder"].cell, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    narrow = recurrent(
        keras.layers.Bidirectional(type(reader).from_config(reader.get_config())),
        AttentionDecoder(cell(3), LuongAttention()),
    )
    with pytest.raises(ValueError, match=r"`decoder` must .* of sizes \[6(, 6)?\].*3"):
        narrow({"source": SOURCE, "target": TARGET})
