"""Contrastive search: the paper's equation by hand is the oracle."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Contrastive,
    ForbiddenTokens,
    Greedy,
    generate,
    stream,
)
from keras_seq.layers import TransformerDecoder
from tests.decoding.translator import Translator
from tests.reference import contrastive as reference

V, B, START, LONGEST = 9, 4, 2, 12
MODEL = Translator(V, [3, 5, 1, 4], seed=5, end_bias=-1.5)
RNG = np.random.default_rng(6)
PAST = RNG.normal(size=(B, 3, 4)).astype("float32")
COUNTS = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 1]], bool)
CONSTANTS = {**MODEL.constants, "past": PAST, "counts": COUNTS}


def step(tokens, state, constants):
    logits, state, keep = MODEL.step(tokens, state, constants)
    return logits, state, {**keep, "hidden": state}


def found(strategy, **options):
    options = {"max_length": LONGEST, "end_token": 0, "constants": CONSTANTS} | options
    start = np.full(B, START)
    return generate(step, MODEL.state, start, strategy=strategy, **options)


def assert_row(result, row, expected, end=0):
    tokens, log_probs, kept = expected
    count = len(tokens)
    ids = result.ids.numpy()[row]
    assert ids.tolist() == tokens + [end] * (len(ids) - count)
    assert int(result.lengths[row]) == count - (tokens[-1] == end)
    np.testing.assert_allclose(result.log_probs[row, :count], log_probs, atol=1e-5)
    attention = result.kept["attention"].numpy()[row]
    np.testing.assert_allclose(attention[:count], kept, atol=1e-5)
    assert result.kept["read"][row, :count].numpy().tolist() == [START, *tokens[:-1]]


CASES = {
    "usual": (Contrastive(4, 0.6), {"k": 4, "alpha": 0.6}),
    "the penalty alone": (Contrastive(3, 1.0), {"k": 3, "alpha": 1.0}),
    "a number a row": (
        Contrastive(
            np.array([1, 2, 5, 3]), np.array([0.9, 0.3, 0.6, 0.0]), max_top_k=6
        ),
        {"k": [1, 2, 5, 3], "alpha": [0.9, 0.3, 0.6, 0.0]},
    ),
    "the last three": (
        Contrastive(4, 0.7, window=3),
        {"k": 4, "alpha": 0.7, "window": 3},
    ),
    "a past": (
        Contrastive(4, 0.7, past=lambda c: (c["past"], c["counts"])),
        {
            "k": 4,
            "alpha": 0.7,
            "past": [p[c] for p, c in zip(PAST, COUNTS, strict=True)],
        },
    ),
    "all of a past, and a window": (
        Contrastive(4, 0.8, past=lambda c: (c["past"], None), window=1),
        {"k": 4, "alpha": 0.8, "past": list(PAST), "window": 1},
    ),
    "more than there are": (
        Contrastive(50, 0.5, hidden=lambda keep: keep["hidden"] * 3.0),
        {"k": 50, "alpha": 0.5},
    ),
}


def by_hand(row, *, length=LONGEST, end=(0,), step=None, **options):
    own = {k: v[row] if isinstance(v, list) else v for k, v in options.items()}
    step = step or MODEL.row_step(row)
    state = MODEL.state[row].astype("float64")
    return reference.search(step, state, START, length, end=end, **own)


@pytest.mark.parametrize("name", CASES)
def test_the_equation(name):
    strategy, options = CASES[name]
    result = found(strategy)
    for row in range(B):
        assert_row(result, row, by_hand(row, **options))


def test_it_is_neither_greedy_nor_another():
    """The cases above would show nothing if all of them gave the same tokens."""
    names = ["usual", "the last three", "a past", "the penalty alone"]
    ids = [found(CASES[name][0]).ids.numpy().tolist() for name in names]
    ids.append(found(Greedy()).ids.numpy().tolist())
    assert all(one != other for i, one in enumerate(ids) for other in ids[:i])


def test_lengths_ends_and_what_is_forbidden():
    lengths = [1, 5, 12, 3]
    result = found(
        Contrastive(3, 0.6),
        max_length=np.array(lengths),
        end_token=[0, 4],
        constraint=ForbiddenTokens([1, 7]),
    )
    for row in range(B):
        plain = MODEL.row_step(row)

        def barred(token, state, plain=plain):
            logits, state, attention = plain(token, state)
            logits[[1, 7]] = -np.inf
            return logits, state, attention

        tokens, _, _ = by_hand(
            row, length=lengths[row], end=(0, 4), step=barred, k=3, alpha=0.6
        )
        assert result.ids[row, : len(tokens)].numpy().tolist() == tokens


@pytest.mark.parametrize("strategy", [Contrastive(5, 0.0), Contrastive(1, 0.9)])
def test_without_a_penalty_or_a_choice_it_is_greedy(strategy):
    for one, other in zip(found(strategy), found(Greedy()), strict=True):
        for a, b in zip(
            keras.tree.flatten(one), keras.tree.flatten(other), strict=True
        ):
            if a.shape[1:] != (LONGEST, 4):
                np.testing.assert_allclose(a, b, atol=1e-6)
    names = {"attention", "read", "hidden"}
    assert set(found(strategy).kept) == names


def test_pieces_and_xla():
    strategy = CASES["a number a row"][0]
    whole = found(strategy)
    np.testing.assert_array_equal(found(strategy, jit_compile=True).ids, whole.ids)
    options = {"max_length": LONGEST, "end_token": 0, "constants": CONSTANTS}
    pieces = stream(
        step,
        MODEL.state,
        np.full(B, START),
        strategy=strategy,
        block=5,
        **options,
    )
    ids = np.concatenate([piece.ids for piece in pieces], axis=1)
    np.testing.assert_array_equal(ids, whole.ids[:, : ids.shape[1]])
    assert (whole.ids[:, ids.shape[1] :].numpy() == 0).all()


def test_served(tmp_path):
    """All of it comes with the request, in a graph of core operations."""
    module = tf.Module()

    def answer(state, length, k, alpha, past, counts):
        rows = tf.shape(state)[0]
        memory = tf.zeros((rows, 2, 4))
        return generate(
            step,
            state,
            tf.fill([rows], START),
            max_length=length,
            end_token=0,
            strategy=Contrastive(
                k, alpha, max_top_k=5, past=lambda c: (c["past"], c["counts"])
            ),
            constants={
                "memory": memory,
                "mask": tf.ones((rows, 2), "bool"),
                "past": past,
                "counts": counts,
            },
        ).ids

    request = {
        "state": MODEL.state,
        "length": np.array([3, 8, 6, 8], "int32"),
        "k": np.array([5, 3, 1, 4], "int32"),
        "alpha": np.array([0.6, 0.9, 0.2, 0.7], "float32"),
        "past": PAST,
        "counts": COUNTS,
    }
    spec = [
        tf.TensorSpec([None] * value.ndim, value.dtype, name)
        if name != "past"
        else tf.TensorSpec([None, None, 4], "float32", name)
        for name, value in request.items()
    ]
    spec[0] = tf.TensorSpec([None, 4], "float32", "state")
    module.answer = tf.function(answer, spec, autograph=False)
    tf.saved_model.save(module, str(tmp_path))
    served = tf.saved_model.load(str(tmp_path)).answer(*request.values())
    assert served.shape == (B, 8)
    for row in range(B):
        tokens, _, _ = reference.search(
            with_memory(np.zeros((2, 4))),
            MODEL.state[row].astype("float64"),
            START,
            request["length"][row],
            k=request["k"][row],
            alpha=request["alpha"][row],
            end=(0,),
            past=PAST[row, COUNTS[row]],
        )
        assert served[row].numpy().tolist() == tokens + [0] * (8 - len(tokens))


def with_memory(memory):
    model = Translator(V, [3, 5, 1, 4], seed=5, end_bias=-1.5)
    model.lengths, model.memory = [len(memory)], memory[None].astype("float32")
    return model.row_step(0)


def test_a_transformer_reads_again_what_its_state_remembers():
    """By hand the whole sequence is read again for every candidate."""
    decoder = TransformerDecoder(num_layers=1, num_heads=2, intermediate_dim=6)
    embedding = keras.layers.Embedding(V, 4)
    dense = keras.layers.Dense(V)
    dense(decoder(embedding(np.array([[1, 2]]))))
    rng = np.random.default_rng(9)
    for layer in (embedding, decoder, dense):
        layer.set_weights([rng.normal(0, 0.8, w.shape) for w in layer.get_weights()])

    def step(tokens, state):
        h, state, _ = decoder.step(embedding(tokens), state)
        return dense(h), state, h

    def row_step(token, before):
        read = [*before.read, token]
        h = decoder(embedding(np.array([read])))[:, -1]
        return np.asarray(dense(h)[0], "float64"), Read.of(h[0], read), None

    class Read(np.ndarray):
        """The last hidden state, and all that was read."""

        @classmethod
        def of(cls, h, read):
            self = np.asarray(h, "float64").view(cls)
            self.read = read
            return self

    starts = [1, 4]
    found = generate(
        step,
        decoder.get_initial_state(max_length=6, batch_size=2),
        starts,
        max_length=5,
        strategy=Contrastive(3, 0.5),
    )
    for ids, start in zip(found.ids.numpy().tolist(), starts, strict=True):
        none = Read.of(np.zeros(4), [])
        tokens, *_ = reference.search(row_step, none, start, 5, k=3, alpha=0.5)
        assert ids == tokens


def test_hidden_states_that_are_nan():
    """Those of token 1 are, or all: of what is left the best, or the likeliest."""
    table = np.log([[0.1, 0.5, 0.3, 0.1]] * 4).astype("float32")

    def reader(ill):
        def step(tokens, state):
            hidden = tf.where(tf.gather(ill, tokens)[:, None], np.nan, 1.0)
            return tf.gather(table, tokens), state, hidden * tf.ones((1, 3))

        return step

    for ill, expected in (([False, True, False, False], 2), ([True] * 4, 1)):
        ids = generate(
            reader(ill), (), [0, 3], max_length=1, strategy=Contrastive(3)
        ).ids
        assert ids.numpy().tolist() == [[expected]] * 2


def test_no_rows_and_one_step():
    def plain(tokens, state):
        return tf.one_hot(tokens + 1, V), state, tf.one_hot(tokens, V)

    for rows in (0, 2):
        result = generate(
            plain,
            (),
            np.ones(rows, "int32"),
            max_length=1,
            strategy=Contrastive(3, 0.2),
        )
        np.testing.assert_array_equal(result.ids, np.full((rows, 1), 2))


def test_it_is_not_traced_again():
    calls = []

    def counted(tokens, state):
        calls.append(tokens)
        return tf.one_hot(tokens + 1, V), state, tf.one_hot(tokens, V)

    for _ in range(3):
        strategy = Contrastive(3, 0.2)
        generate(counted, (), np.array([1, 2]), max_length=3, strategy=strategy)
    many = len(calls)
    generate(counted, (), np.array([4, 5]), max_length=3, strategy=strategy)
    assert len(calls) == many


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, r"`top_k` must be a positive integer; received 0"),
        ({"top_k": 2.0}, "`top_k` must be a positive integer"),
        ({"top_k": np.array([1, 2])}, "`max_top_k` must be a positive integer"),
        ({"top_k": 5, "max_top_k": 4}, r"`top_k` must be an integer in \[1, 4\]"),
        ({"max_top_k": np.array([3])}, "`max_top_k` must be a positive integer"),
        ({"degeneration_penalty": 1.1}, r"`degeneration_penalty` must be in \[0, 1\]"),
        ({"degeneration_penalty": "a"}, r"`degeneration_penalty` must be in \[0, 1\]"),
        ({"hidden": 3}, "`hidden` must be a function or None"),
        ({"past": np.ones((1, 2, 3))}, "`past` must be a function or None"),
        ({"window": 0}, "`window` must be a positive integer"),
        ({"window": 2.5}, "`window` must be a positive integer"),
    ],
)
def test_arguments_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Contrastive(**options)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (Contrastive(hidden=lambda keep: None), "`hidden` must .*received NoneType"),
        (Contrastive(hidden=lambda keep: keep["read"]), r"`hidden` must .*\(4,\)"),
        (Contrastive(past=lambda c: c["past"]), r"`past` must .*mask"),
        (Contrastive(past=lambda c: (c["past"][1:], None)), r"B = 4 and D = 4.*\(3,"),
        (Contrastive(past=lambda c: (c["past"][..., 1:], None)), r"D = 4.*3, 3\)"),
        (Contrastive(past=lambda c: (c["past"], c["counts"][:, 1:])), r"mask \(4, 2\)"),
        (Contrastive(np.array([1, 2, 3]), max_top_k=4), r"`top_k` must.*\(3,\)"),
        (Contrastive(3, np.array([0.5, 0.5])), r"`degeneration_penalty`.*\(2,\)"),
    ],
)
def test_what_does_not_fit_the_step(strategy, message):
    with pytest.raises(ValueError, match=message):
        found(strategy)


def test_nothing_is_kept():
    with pytest.raises(ValueError, match=r"`hidden` must give .*received NoneType"):
        generate(
            lambda tokens, state: (tf.one_hot(tokens, V), state),
            (),
            np.array([1]),
            max_length=2,
            strategy=Contrastive(),
        )
