"""`Beam` against all hypotheses there are, and against a search over lists."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Greedy, Sample, generate
from tests.decoding import beams
from tests.decoding.translator import Translator

PENALTIES = [
    {"alpha": 0.0, "beta": 0.0},
    {"alpha": 0.7, "beta": 0.0},
    {"alpha": 0.0, "beta": 0.4},
    {"alpha": 1.6, "beta": 0.9},
]
START = 2


def search(model, beam, rows=None, **options):
    """All rows of a `Translator`, or some."""
    rows = slice(None) if rows is None else rows
    constants = {
        name: None if value is None else value[rows]
        for name, value in model.constants.items()
    }
    state = model.state[rows]
    arguments = {"max_length": 4, "end_token": 0, "constants": constants, **options}
    return generate(
        model.step,
        state,
        np.full(len(state), START),
        strategy=beam,
        **arguments,
    )


def scored_by(model, width, alpha=0.0, beta=0.0, **options):
    return Beam(
        width,
        length_penalty=alpha,
        coverage_penalty=beta,
        coverage_mask=model.mask,
        **options,
    )


@pytest.mark.parametrize("end", [1, None])
@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
def test_full_width_finds_all_there_are(penalties, end):
    model = Translator(3, [3, 1, 4], seed=1)
    lengths = np.array([4, 1, 3])
    beam = scored_by(model, 3**4, **penalties)
    result = search(model, beam, max_length=lengths, end_token=end)
    for row, length in enumerate(lengths):
        found = beams.expected(model, row, START, length, None, end, **penalties)
        assert len(found) == (3**length if end is None else 2 ** (length + 1) - 1)
        beams.assert_beams(result, row, found, START, end)


# Rows that end soon, late, and not at all.
@pytest.mark.parametrize(("width", "end_bias"), [(1, 0), (2, 1.5), (3, 0), (6, -2)])
@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
def test_a_search_that_never_stops_early_finds_the_same(penalties, width, end_bias):
    model = Translator(7, [3, 5, 1, 4, 2, 5], seed=width, end_bias=end_bias)
    result = search(model, scored_by(model, width, **penalties), max_length=9)
    for row in range(6):
        found = beams.expected(model, row, START, 9, width, **penalties)
        beams.assert_beams(result, row, found, START)


def test_a_width_of_one_is_greedy():
    model = Translator(9, [3, 5, 1, 4, 2, 5], seed=2)
    for end in (0, 3, None):
        options = {"max_length": 12, "end_token": end}
        greedy = search(model, Greedy(), **options)
        beam = search(model, Beam(1), **options)
        for field in ("ids", "lengths", "finished"):
            np.testing.assert_array_equal(
                getattr(beam, field)[:, 0], getattr(greedy, field)
            )
        np.testing.assert_allclose(beam.log_probs[:, 0], greedy.log_probs, atol=2e-5)
        np.testing.assert_allclose(beam.scores[:, 0], greedy.scores, atol=1e-4)
    assert len(np.unique(greedy.ids)) > 1


@pytest.mark.parametrize("jit_compile", [False, True])
def test_each_row_may_have_numbers_of_its_own(jit_compile):
    model = Translator(6, [3, 5, 1, 4], seed=4)
    widths, lengths = [1, 4, 2, 3], [8, 3, 6, 7]
    alphas, betas = [0.0, 1.0, 2.0, 0.5], [0.3, 0.0, 0.1, 0.6]

    def run(rows, width, alpha, beta, length):
        state = tf.gather(model.state, rows)
        constants = {n: tf.gather(model.constants[n], rows) for n in ("memory", "mask")}
        beam = Beam(
            width,
            max_width=4,
            length_penalty=alpha,
            coverage_penalty=beta,
            coverage_mask=constants["mask"],
        )
        return generate(
            model.step,
            state,
            tf.fill(tf.shape(rows), START),
            max_length=length,
            strategy=beam,
            end_token=0,
            constants=constants,
        )

    traced = tf.function(
        run,
        jit_compile=jit_compile,
        input_signature=[
            tf.TensorSpec([None], "int32"),
            tf.TensorSpec([None], "int32"),
            tf.TensorSpec([None], "float32"),
            tf.TensorSpec([None], "float32"),
            tf.TensorSpec([None], "int32"),
        ],
    )
    columns = (np.arange(4), widths, alphas, betas, lengths)
    columns = [
        np.asarray(c, "float32" if isinstance(c[0], float) else "int32")
        for c in columns
    ]
    result = traced(*map(tf.constant, columns))
    for row in range(4):
        found = beams.expected(
            model,
            row,
            START,
            lengths[row],
            widths[row],
            alpha=alphas[row],
            beta=betas[row],
        )
        beams.assert_beams(result, row, found, START)
        if jit_compile:
            continue
        # Alone, and with a width that is known.
        alone = traced(*(tf.constant(column[row : row + 1]) for column in columns))
        beams.assert_beams(alone, 0, found, START)
        beam = Beam(
            widths[row],
            length_penalty=alphas[row],
            coverage_penalty=betas[row],
            coverage_mask=model.mask[row : row + 1],
        )
        known = search(model, beam, [row], max_length=lengths[row])
        beams.assert_beams(known, 0, found, START)


def test_symbolic_numbers_out_of_range_act_as_the_nearest_in_it():
    model = Translator(5, [3, 3], seed=5)

    @tf.function
    def run(width, alpha, beta):
        beam = Beam(width, max_width=3, length_penalty=alpha, coverage_penalty=beta)
        return search(model, beam)

    for given, meant in (((-2, -1.0, -3.0), (1, 0.0, 0.0)), ((9, 1.0, 0), (3, 1.0, 0))):
        result = run(*(tf.constant(x) for x in (given[0], *map(float, given[1:]))))
        for row in range(2):
            found = beams.expected(
                model, row, START, 4, meant[0], alpha=meant[1], beta=meant[2]
            )
            beams.assert_beams(result, row, found, START)


def test_masked_source_positions_do_not_count():
    model = Translator(5, [2, 5], seed=6)
    masked = search(model, scored_by(model, 3, beta=0.5))
    assert np.isfinite(masked.scores[:, 0]).all()
    # Without the mask the padding costs every hypothesis the same.
    plain = search(model, Beam(3, coverage_penalty=0.5))
    np.testing.assert_array_equal(plain.ids, masked.ids)
    padding = np.array([[3 * 0.5 * np.log(1e-6)], [0.0]])
    np.testing.assert_allclose(plain.scores, masked.scores + padding, atol=1e-4)


def test_coverage_from_anywhere_in_what_is_kept():
    model = Translator(5, [3, 4], seed=7)

    def step(tokens, state, constants):
        logits, state, keep = model.step(tokens, state, constants)
        return logits, state, [keep["read"], keep["attention"]]

    def attention_alone(tokens, state, constants):
        logits, state, keep = step(tokens, state, constants)
        return logits, state, keep[1]

    usual = search(model, Beam(3, coverage_penalty=0.4, coverage_mask=model.mask))
    for other, coverage in ((step, lambda keep: keep[1]), (attention_alone, None)):
        beam = Beam(
            3, coverage_penalty=0.4, coverage_mask=model.mask, coverage=coverage
        )
        result = generate(
            other,
            model.state,
            np.full(2, START),
            max_length=4,
            strategy=beam,
            end_token=0,
            constants=model.constants,
        )
        np.testing.assert_array_equal(result.ids, usual.ids)
        np.testing.assert_allclose(result.scores, usual.scores, atol=1e-5)


def chain(p):
    """A step function whose next token depends on the last alone."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.array(p)).astype("float32")
    return lambda tokens, state: (tf.gather(tf.constant(logits), tokens), state)


def test_the_loop_ends_as_soon_as_nothing_can_change():
    ran = tf.Variable(0)
    # Ends at once with 0.9; what goes on has 0.05 at most, whatever follows.
    model = chain([[0, 0, 0], [0.9, 0.05, 0.05], [0.6, 0.2, 0.2]])

    def step(tokens, state):
        ran.assign_add(1)
        return model(tokens, state)

    for width, alpha, expected in (
        # ln 0.05 = -3 is below ln 0.9 = -0.105 at once.
        (1, 0.0, 1),
        # Two places: [0], then [1, 0] with ln 0.045 = -3.10 or [2, 0] with
        # ln 0.03; at two tokens what goes on has at most ln 0.01 = -4.6.
        (2, 0.0, 2),
        # lp(30) = 5.83: what goes on could come to -3 / 5.83 = -0.514 at best.
        (1, 1.0, 1),
        # lp(30)² = 34: -0.088 beats -0.105; after two tokens, -5.99 / 34 = -0.176.
        (1, 2.0, 2),
    ):
        ran.assign(0)
        generate(
            step,
            (),
            np.array([1, 1]),
            max_length=30,
            strategy=Beam(width, length_penalty=alpha),
            end_token=0,
        )
        assert int(ran) - 1 == expected, (width, alpha)


def test_a_vocabulary_smaller_than_the_beam():
    result = generate(
        chain([[1.0]]),
        (),
        np.array([0, 0]),
        max_length=3,
        strategy=Beam(4),
        end_token=0,
    )
    assert result.finished.numpy().tolist() == [[True, False, False, False]] * 2
    assert not result.lengths.numpy().any()
    result = generate(chain([[1.0]]), (), np.array([0]), max_length=3, strategy=Beam(2))
    assert result.lengths.numpy().tolist() == [[3, 0]]
    assert result.scores.numpy().tolist() == [[0.0, -np.inf]]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_what_is_impossible_is_never_chosen(jit_compile):
    table = np.array(
        [
            [-np.inf, 0.0, 1.0, -np.inf, 2.0],
            [-np.inf, -np.inf, 1.0, -np.inf, -np.inf],
            [-np.inf, 0.0, -np.inf, 2.0, 1.0],
            [0.0, np.nan, 5.0, 0.0, 0.0],
            [0.0, np.inf, 0.0, 0.0, 0.0],
        ],
        "float32",
    )

    @tf.function(jit_compile=jit_compile)
    def run():
        return generate(
            lambda tokens, state: (tf.gather(table, tokens), state),
            (),
            np.array([0, 1, 3]),
            max_length=3,
            strategy=Beam(6),
        )

    result = run()
    # 3 and 4 may come last; what they lead to is dropped.
    expected = [
        {(1, 2, 1), (1, 2, 3), (1, 2, 4), (2, 1, 2)},
        {(2, 1, 2)},
        set(),
    ]
    for row, hypotheses in enumerate(expected):
        there = np.isfinite(result.scores[row])
        assert {tuple(ids) for ids in result.ids[row].numpy()[there]} == hypotheses
        assert not np.isnan(result.scores[row]).any()
        assert not result.ids[row].numpy()[~there].any()


@pytest.mark.parametrize("coverage_penalty", [0.0, 0.2])
def test_a_state_of_nan_leaves_no_nan_among_the_scores(coverage_penalty):
    def step(tokens, state):
        state = state + tf.where(tokens == 1, np.nan, 0.0)
        logits = tf.math.log([[0.4, 0.6]]) + state[:, None]
        return logits, state, {"attention": tf.ones_like(logits) + state[:, None]}

    beam = Beam(3, coverage_penalty=coverage_penalty)
    result = generate(step, np.zeros(1, "float32"), [0], max_length=3, strategy=beam)
    expected = [np.log(0.4 * 0.4 * 0.6), np.log(0.4**3), -np.inf]
    np.testing.assert_allclose(result.scores[0], expected, atol=1e-5)
    assert result.ids[0].numpy().tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_sums_for_the_other_strategies():
    model = Translator(5, [3, 4], seed=8)
    for strategy in (Greedy(), Sample()):
        result = search(model, strategy, seed=1)
        np.testing.assert_allclose(
            result.scores, result.log_probs.numpy().sum(-1), atol=1e-6
        )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_states_of_any_form_follow_their_hypothesis(jit_compile):
    # The state writes down the tokens: at the end it must be the ids.
    table = np.random.default_rng(9).normal(size=(5, 5)).astype("float32")

    def step(tokens, state):
        history, (count, flag) = state["history"], state["rest"]
        here = tf.range(7) == count[:, None]
        history = tf.where(here, tokens[:, None], history)
        state = {"history": history, "rest": (count + 1, ~flag)}
        return tf.gather(table, tokens), state, {"history": history, "flag": flag}

    @tf.function(jit_compile=jit_compile)
    def run():
        state = {
            "history": np.full((3, 7), -1, "int32"),
            "rest": (np.zeros(3, "int32"), np.zeros(3, bool)),
        }
        return generate(
            step, state, np.array([1, 2, 3]), max_length=7, strategy=Beam(4)
        )

    result = run()
    for row in range(3):
        for place in range(4):
            history = result.kept["history"][row, place, -1].numpy().tolist()
            assert history == [row + 1, *result.ids[row, place, :-1].numpy()]
    assert len({tuple(ids) for ids in result.ids[0].numpy()}) == 4
    assert result.kept["flag"].numpy()[0, 0].tolist() == [False, True] * 3 + [False]


def test_no_rows_and_no_steps():
    model = Translator(5, [3, 4], seed=8)
    result = search(model, Beam(3), [])
    assert result.ids.shape == (0, 3, 4)
    assert result.kept["attention"].shape == (0, 3, 4, 4)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int32)])
    def run(lengths):
        return search(model, Beam(3), max_length=lengths)

    result = run(tf.constant([0, 2]))
    assert result.lengths[0].numpy().tolist() == [0, 0, 0]
    beams.assert_beams(result, 1, beams.expected(model, 1, START, 2, 3), START)
