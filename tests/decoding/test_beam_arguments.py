"""`Beam` refuses what it cannot do, and says what it was given."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, generate


def step(tokens, state):
    rows = tf.shape(tokens)[0]
    keep = {"attention": tf.fill([rows, 3], 0.5), "other": tokens}
    return tf.one_hot(tokens, 6), state, keep


def call(beam, step=step, **options):
    return generate(step, (), np.array([0, 3]), max_length=3, strategy=beam, **options)


@pytest.mark.parametrize("value", [0, -1, 1.5, 2.0, True, "3", None, [2]], ids=repr)
def test_width(value):
    with pytest.raises(ValueError, match=r"`width` must be .*; received"):
        Beam(value)
    with pytest.raises(ValueError, match=r"`width` must be .*; received"):
        Beam(value, max_width=4)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3", tf.constant(3)], ids=repr)
def test_max_width(value):
    with pytest.raises(ValueError, match=r"`max_width` must be .*; received"):
        Beam(2, max_width=value)


def test_a_width_that_is_a_tensor():
    with pytest.raises(ValueError, match="`max_width` must be a positive integer wh"):
        Beam(tf.constant(2))
    for wrong in (np.array([2, 5]), tf.constant(5), np.array([0, 1]), np.ones(2), 5):
        with pytest.raises(ValueError, match=r"`width` must be .*in \[1, 4\]; rec"):
            Beam(wrong, max_width=4)
    with pytest.raises(ValueError, match=r"`width` must be .*shape \(1, 2\)"):
        Beam(np.array([[1, 2]]), max_width=4)
    with pytest.raises(ValueError, match=r"`width` must be .*\(2,\).*\(3,\)"):
        call(Beam(np.array([1, 2, 1]), max_width=2))
    assert call(Beam(np.array([1, 2]), max_width=3)).ids.shape == (2, 3, 3)


def test_numbers_of_numpy_are_numbers():
    beam = Beam(np.int64(2), max_width=np.int32(3), coverage_penalty=np.float32(0))
    assert call(beam).ids.shape == (2, 3, 3)
    assert type(Beam(np.int64(2)).max_width) is int
    # Nothing is asked of what the step gives to keep.
    assert not beam.covers


@pytest.mark.parametrize("name", ["length_penalty", "coverage_penalty"])
def test_penalties(name):
    for value in (-0.1, float("nan"), float("inf"), True, "1", None, [0.5]):
        with pytest.raises(ValueError, match=f"`{name}` must be at least 0 and finite"):
            Beam(2, **{name: value})
    for value in (np.array([0.5, -1.0]), tf.constant(-1.0), np.ones((2, 2))):
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            Beam(2, **{name: value})
    with pytest.raises(ValueError, match=rf"`{name}` must be .*\(2,\).*\(3,\)"):
        call(Beam(2, **{name: np.ones(3)}))


def test_coverage():
    with pytest.raises(ValueError, match="`coverage` must be a function"):
        Beam(2, coverage="attention")
    for keep in (None, {"other": tf.zeros((4, 3))}, tf.zeros(4), (tf.zeros((4, 3)),)):

        def bad(tokens, state, keep=keep):
            return (tf.one_hot(tokens, 6), state, *(() if keep is None else (keep,)))

        with pytest.raises(ValueError, match=r"`coverage` must give the attention"):
            call(Beam(2, coverage_penalty=0.1), bad)
        # Without the penalty nothing is asked for.
        assert call(Beam(2), bad).ids.shape == (2, 2, 3)
    with pytest.raises(ValueError, match=r"`coverage` must give .*received \(4,\)"):
        call(Beam(2, coverage_penalty=0.1, coverage=lambda keep: keep["other"]))


@pytest.mark.parametrize(
    "mask", [np.ones((3, 3), bool), np.ones(2, bool), np.ones((2, 3))], ids=repr
)
def test_coverage_mask(mask):
    with pytest.raises(ValueError, match=r"`coverage_mask` must be booleans of shape"):
        call(Beam(2, coverage_penalty=0.1, coverage_mask=mask))


@pytest.mark.parametrize("positions", [1, 4])
def test_as_many_positions_in_the_coverage_mask_as_in_the_attention(positions):
    mask = np.ones((2, positions), bool)
    with pytest.raises(ValueError, match=rf"`coverage_mask` must .* 3; .* {positions}"):
        call(Beam(2, coverage_penalty=0.1, coverage_mask=mask))


def test_logits_of_an_unknown_vocabulary():
    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def run(logits):
        return call(Beam(2), lambda tokens, state: (tf.gather(logits, tokens), state))

    with pytest.raises(ValueError, match=r"V is known when tracing.*\(4, None\)"):
        run(tf.zeros((6, 6)))


def test_the_end_token_is_in_the_vocabulary():
    with pytest.raises(ValueError, match=r"`end_token` must be .*\[0, 6\).*received 6"):
        call(Beam(2), end_token=6)


def test_constants_come_as_they_are_with_rows_for_every_hypothesis():
    given = {"memory": np.arange(2.0), "none": None, "nest": (np.eye(2, 3),)}
    seen = []

    def reading(tokens, state, constants):
        seen.append(constants)
        return tf.one_hot(tokens, 6), state, constants["memory"]

    result = call(Beam(3), reading, constants=given)
    assert seen[0]["none"] is None
    assert seen[0]["nest"][0].shape == (6, 3)
    for row in range(2):
        assert (result.kept[row].numpy() == row).all()
