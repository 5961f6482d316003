"""`Greedy` and `Sample` against brute force and against their distribution."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Greedy, Sample, Strategy
from tests.decoding import oracle

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(0, 2, (6, 13)).astype("float32")
NUMBERS = (np.arange(4001) / 4001).astype("float32")


def drawn(strategy, logits, numbers=NUMBERS):
    """What `strategy` draws from one row of logits for each of the numbers."""
    rows = np.broadcast_to(logits, (len(numbers), len(logits)))
    tokens = strategy.next_token(tf.constant(rows), tf.constant(numbers))
    assert tokens.dtype == tf.int32
    return tokens.numpy()


def assert_draws(tokens, candidates, weights, numbers=NUMBERS):
    """The share of a token, over numbers spread evenly, is its probability."""
    assert set(tokens) <= set(candidates)
    shares = np.array([(tokens == token).mean() for token in candidates])
    np.testing.assert_allclose(
        shares, np.array(weights) / sum(weights), atol=1.5 / len(numbers)
    )


def test_greedy_takes_the_first_of_the_likeliest():
    logits = tf.constant([[0.0, 3.0, 3.0, -1.0], [5.0, 5.0, 5.0, 5.0]])
    tokens = Greedy().next_token(logits, None)
    assert tokens.dtype == tf.int32
    assert tokens.numpy().tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7, 20.0])
def test_a_token_is_drawn_with_its_probability(temperature):
    for row in LOGITS:
        tokens = drawn(Sample(temperature), row)
        assert_draws(tokens, *oracle.candidates(row, temperature))


@pytest.mark.parametrize("top_k", [None, 1, 2, 7, 13, 99])
@pytest.mark.parametrize("top_p", [None, 1e-6, 0.2, 0.77, 0.999])
def test_the_tail_is_cut_off(top_k, top_p):
    for row in LOGITS[:3]:
        options = {"temperature": 1.3, "top_k": top_k, "top_p": top_p}
        candidates, weights = oracle.candidates(row, **options)
        assert_draws(drawn(Sample(**options), row), candidates, weights)


@pytest.mark.parametrize("steep", [0.02, 1.2, 3.0])
@pytest.mark.parametrize("top_k", [None, 3, 300])
def test_of_many_tokens_a_few_are_put_in_order_and_no_draw_differs(steep, top_k):
    rng = np.random.default_rng(1)
    places = rng.permuted(np.tile(np.arange(2000.0), (9, 1)), axis=1)
    logits = (-steep * np.log1p(places)).astype("float32")
    uniform = rng.random(9).astype("float32")
    top_p = np.array([0.1, 0.5, 0.9] * 3, "float32")
    strategy = Sample(top_k=top_k, top_p=tf.constant(top_p))
    found = strategy.next_token(tf.constant(logits), tf.constant(uniform))
    for row, token in enumerate(found.numpy()):
        order = np.argsort(-logits[row])
        weights = np.exp(logits[row, order].astype("float64"))
        weights[top_k or 2000 :] = 0
        before = np.cumsum(weights) - weights
        weights[before >= top_p[row] * weights.sum()] = 0
        within = np.cumsum(weights) > uniform[row] * weights.sum()
        assert token == order[np.argmax(within)]


def test_a_nucleus_of_one_is_no_cut():
    rng = np.random.default_rng(2)
    logits = tf.constant(rng.normal(0, 2, (5, 1500)).astype("float32"))
    uniform = tf.constant(rng.random(5).astype("float32"))
    plain = Sample().next_token(logits, uniform).numpy()
    for top_p in (1.0, tf.ones([5])):
        found = Sample(top_p=top_p).next_token(logits, uniform)
        np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("size", [13, 1500])
def test_a_k_of_more_than_all_tokens_is_as_none(size):
    """In rows of their own: what one asks for is no matter of its neighbours'."""
    rng = np.random.default_rng(2)
    logits = tf.constant(rng.normal(0, 2, (6, size)).astype("float32"))
    uniform = tf.constant(rng.random(6).astype("float32"))
    top_p = tf.constant([1.0, 0.9, 0.3, 0.999, 1.0, 0.5])
    without = Sample(top_p=top_p).next_token(logits, uniform).numpy()
    few = Sample(top_k=5, top_p=top_p).next_token(logits, uniform).numpy()
    top_k = tf.where(tf.range(6) < 4, tf.int32.max, 5)
    found = Sample(top_k=top_k, top_p=top_p).next_token(logits, uniform).numpy()
    assert found.tolist() == [*without[:4], *few[4:]]


def test_the_nucleus_is_the_smallest_that_holds_p():
    row = np.log([0.5, 0.25, 0.125, 0.125]).astype("float32")
    for top_p, held in ((0.49, 1), (0.51, 2), (0.74, 2), (0.76, 3), (0.9, 4), (1, 4)):
        assert set(drawn(Sample(top_p=top_p), row)) == set(range(held))


def test_a_number_on_a_border_belongs_to_the_token_above():
    numbers = np.array([0, 0.25, 0.5, 0.75], "float32")
    for options in ({}, {"top_k": 4}, {"top_p": 1.0}):
        tokens = drawn(Sample(**options), np.zeros(4, "float32"), numbers)
        assert tokens.tolist() == [0, 1, 2, 3]


def test_of_equal_logits_the_lower_ids_are_kept():
    assert set(drawn(Sample(top_k=3), np.zeros(9, "float32"))) == {0, 1, 2}


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32", "float64", "float16"])
def test_rows_may_have_values_of_their_own(dtype):
    options = [
        {"temperature": 0.5, "top_k": 3, "top_p": 0.5},
        {"temperature": 2.0, "top_k": 13, "top_p": 1.0},
        {"temperature": 1.0, "top_k": 1, "top_p": 0.25},
        {"temperature": 4.0, "top_k": 5, "top_p": 0.75},
    ]
    rows = LOGITS[:4]
    numbers = RNG.uniform(size=4).astype("float32")
    expected = [
        oracle.sample(row, number, **option)
        for row, number, option in zip(rows, numbers, options, strict=True)
    ]
    whole = dtype.startswith("int")
    kinds = {"temperature": "float32", "top_k": "int32", "top_p": "float32"}
    kinds |= {"top_k": dtype} if whole else {"temperature": dtype, "top_p": dtype}
    columns = {
        name: tf.constant([option[name] for option in options], kind)
        for name, kind in kinds.items()
    }
    got = Sample(**columns).next_token(tf.constant(rows), numbers)
    assert got.numpy().tolist() == expected
    # A symbolic tensor, as a served model takes it in a request.
    compiled = tf.function(
        lambda columns: Sample(**columns).next_token(tf.constant(rows), numbers)
    )
    assert compiled(columns).numpy().tolist() == expected
    scalars = {name: tf.constant(options[3][name], kinds[name]) for name in kinds}
    got = Sample(**scalars).next_token(tf.constant(rows[3:]), numbers[3:])
    assert got.numpy().tolist() == expected[3:]


@pytest.mark.parametrize(
    "options", [{}, {"top_k": 3}, {"top_p": 0.9}, {"top_k": 3, "top_p": 0.9}]
)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_forbidden_token_is_never_drawn(options, jit_compile):
    row = np.array([-np.inf, 1.0, -np.inf, 1.5, 0.5, -np.inf], "float32")
    numbers = np.array([0.0, 1e-7, 0.2, 0.5, 0.9, 1 - 2.0**-24], "float32")

    def draw(temperature):
        rows = tf.broadcast_to(row, (len(numbers), len(row)))
        return Sample(temperature, **options).next_token(rows, tf.constant(numbers))

    compiled = tf.function(draw, jit_compile=jit_compile)
    for temperature in (1e-45, 1e-30, 0.5, 1.0, 1e30):
        tokens = set(compiled(tf.constant(temperature)).numpy())
        assert tokens <= {1, 3, 4}
        if temperature <= 1e-30:
            assert tokens == {3}


@pytest.mark.parametrize("strategy", [Greedy(), Sample(), Sample(0.1, 2, 0.5)])
def test_extreme_logits(strategy):
    forbidding = np.full((2, 5), -np.inf, "float32")
    forbidding[0, 4] = forbidding[1, 0] = -3e38
    huge = np.array([[1e30, -1e30, 0, 3, 1], [-1e30, 1e30, 9, 1e29, 0]], "float32")
    half = np.array([[0, 65504, -65504, 1, 2], [1, 2, -np.inf, 30000, 4]], "float16")
    for logits, expected in ((forbidding, [4, 0]), (huge, [0, 1]), (half, [1, 3])):
        for number in (0.0, 0.6, 1 - 2.0**-24):
            numbers = tf.constant([number, number], tf.float32)
            tokens = strategy.next_token(tf.constant(logits), numbers)
            assert tokens.numpy().tolist() == expected


@pytest.mark.parametrize("strategy", [Greedy(), Sample(), Sample(0.1, 2, 0.5)])
def test_logits_that_are_no_numbers_give_some_token(strategy):
    logits = np.array(
        [[np.nan] * 4, [1, np.nan, 2, 3], [1, np.inf, 2, 3], [-np.inf] * 4]
    )
    tokens = strategy.next_token(tf.constant(logits, tf.float32), tf.fill([4], 0.5))
    assert set(tokens.numpy()) <= {0, 1, 2, 3}


def test_a_vocabulary_of_one_token():
    logits = tf.zeros((3, 1))
    for strategy in (Greedy(), Sample(), Sample(2.0, 4, 0.1)):
        tokens = strategy.next_token(logits, tf.constant([0.0, 0.5, 0.99]))
        assert tokens.numpy().tolist() == [0, 0, 0]


def test_symbolic_values_below_their_range_take_the_likeliest():
    @tf.function(
        input_signature=[tf.TensorSpec([None])] * 2 + [tf.TensorSpec([None], "int32")]
    )
    def draw(temperature, top_p, top_k):
        strategy = Sample(temperature, top_k=top_k, top_p=top_p)
        return strategy.next_token(tf.constant(LOGITS), tf.fill([6], 0.99))

    likeliest = LOGITS.argmax(-1).tolist()
    ones, p, k = tf.ones(6), tf.ones(6), tf.fill([6], 13)
    assert draw(ones, p, k).numpy().tolist() != likeliest
    for value in (0.0, -1.0):
        assert draw(ones * value, p, k).numpy().tolist() == likeliest
        assert draw(ones, p * value, k).numpy().tolist() == likeliest
        assert draw(ones, p, k * int(value)).numpy().tolist() == likeliest


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_large_vocabulary(jit_compile):
    logits = np.random.default_rng(1).normal(0, 2, (4, 30_000)).astype("float32")
    numbers = np.array([0.1, 0.4, 0.7, 0.95], "float32")
    options = {"temperature": 0.7, "top_k": 20_000, "top_p": 0.95}
    draw = tf.function(Sample(**options).next_token, jit_compile=jit_compile)
    tokens = draw(tf.constant(logits), tf.constant(numbers)).numpy()
    for row, number, token in zip(logits, numbers, tokens, strict=True):
        ranked, weights = oracle.candidates(row, **options)
        held = np.cumsum(weights) / sum(weights)
        # In float32 the draw may be off by the rounding of 30,000 sums.
        place = ranked.index(token)
        assert held[place - 1] - 1e-4 <= number <= held[place] + 1e-4


NOT_ABOVE_0 = [0, 0.0, -1, float("nan"), float("inf"), "1", None, True, [1.0]]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", value) for value in NOT_ABOVE_0),
        *(("top_k", value) for value in (0, -1, 2.0, 1.5, True, "3", [3])),
        *(("top_p", value) for value in (0, 0.0, -0.1, 1.0001, float("nan"), True)),
        ("temperature", np.array([1.0, 0.0])),
        ("temperature", np.ones((2, 2))),
        ("temperature", np.array(["1"])),
        ("top_k", np.array([1, 0])),
        ("top_k", np.array([1.0, 2.0])),
        ("top_k", np.array([[1]])),
        ("top_p", np.array([0.5, 1.5])),
        ("top_p", np.float32(1.5)),
        ("top_p", tf.constant([0.5, -1.0])),
    ],
)
def test_a_value_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"`{name}` must be .*received"):
        Sample(**{name: value})


@pytest.mark.parametrize("name", ["temperature", "top_k", "top_p"])
def test_as_many_values_as_rows(name):
    strategy = Sample(**{name: np.ones(3, "int32" if name == "top_k" else "float32")})
    with pytest.raises(ValueError, match=rf"`{name}` must be .* \(2,\).*\(3,\)"):
        strategy.next_token(tf.zeros((2, 5)), tf.zeros(2))


def test_a_strategy_of_ones_own():
    with pytest.raises(TypeError, match="abstract"):
        Strategy()
