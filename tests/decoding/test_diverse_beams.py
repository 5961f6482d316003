"""Diverse beam search against one over lists, a row and a group at a time."""

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import (
    Beam,
    FrequencyPenalty,
    Greedy,
    NoRepeatedNgrams,
    generate,
)
from tests.decoding import beams
from tests.decoding.translator import Translator
from tests.reference import endings
from tests.reference import processors as by_hand

START, LONGEST = 2, 7
MODEL = Translator(6, [3, 5, 1, 4], seed=11, end_bias=-1.0)
DELTA = np.array([0.3, 1.0, 0.0, 5.0], "float32")


def search(beam, jit_compile=False, rows=4, **options):
    @tf.function(jit_compile=jit_compile)
    def run(state, constants):
        return generate(
            MODEL.step,
            state,
            tf.fill([rows], START),
            max_length=LONGEST,
            strategy=beam,
            end_token=0,
            constants={**constants, "none": None},
            **options,
        )

    constants = {"memory": MODEL.memory[:rows], "mask": MODEL.mask[:rows]}
    return run(MODEL.state[:rows], {k: tf.constant(v) for k, v in constants.items()})


def assert_found(result, width, groups, delta, **options):
    """Returns the different hypotheses of each row."""
    texts = []
    for row in range(4):
        found = beams.expected(
            MODEL,
            row,
            START,
            LONGEST,
            width,
            groups=groups,
            diversity=delta[row],
            **options,
        )
        beams.assert_beams(result, row, found, START)
        texts.append({hypothesis.ids for hypothesis, _ in found})
    return texts


@pytest.mark.parametrize(
    ("width", "groups", "jit_compile"), [(4, 2, False), (3, 3, True), (6, 2, False)]
)
def test_the_hypotheses_are_those_of_groups_in_turn(width, groups, jit_compile):
    beam = Beam(
        width,
        groups=groups,
        diversity_penalty=DELTA,
        length_penalty=0.8,
        coverage_penalty=0.3,
        coverage_mask=MODEL.mask,
    )
    result = search(beam, jit_compile)
    texts = assert_found(result, width, groups, DELTA, alpha=0.8, beta=0.3)
    # Without a penalty all groups find the same; with one they differ.
    assert len(texts[2]) == width // groups
    assert len(texts[3]) > width // groups


def test_with_processors_constraints_and_stop_sequences():
    stops = [[1, 2], [5]]
    result = search(
        Beam(4, groups=2, diversity_penalty=0.7),
        constraint=NoRepeatedNgrams(2),
        logits_processor=FrequencyPenalty(0.4),
        stop_sequences=stops,
    )

    def allowed(ids, token):
        ids = (*ids, token)
        pairs = [ids[i : i + 2] for i in range(len(ids) - 1)]
        return len(set(pairs)) == len(pairs)

    assert_found(
        result,
        4,
        2,
        [0.7] * 4,
        end=lambda ids: endings.cut(ids, (0,), stops, 0),
        allowed=allowed,
        process=lambda ids, x: by_hand.of_one_at_most(by_hand.frequency(x, ids, 0.4)),
    )


def test_one_group_is_a_plain_search():
    plain = search(Beam(3))
    found = search(Beam(3, groups=1, diversity_penalty=2.0))
    np.testing.assert_array_equal(found.ids, plain.ids)
    np.testing.assert_array_equal(found.scores, plain.scores)


def test_groups_of_one_without_a_penalty_are_greedy():
    greedy = search(Greedy())
    found = search(Beam(2, groups=2))
    for place in range(2):
        np.testing.assert_array_equal(found.ids[:, place], greedy.ids)


def test_no_rows():
    result = search(Beam(4, groups=2, diversity_penalty=1.0), rows=0)
    assert result.ids.shape == result.kept["read"].shape == (0, 4, LONGEST)
    assert result.scores.shape == (0, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 4, "groups": 3}, "`groups` must divide `width`.*received groups 3"),
        ({"width": 4, "groups": 8}, "`groups` must divide `width`"),
        ({"width": 4, "max_width": 6, "groups": 2}, "`groups` must divide `width`"),
        (
            {"width": np.array([2, 4]), "max_width": 4, "groups": 2},
            "`groups` must divide `width`",
        ),
        *(
            ({"width": 4, "groups": groups}, "`groups` must be a positive integer")
            for groups in (0, -1, 2.0, True, None, "2", np.array(2), [2])
        ),
        *(
            ({"width": 4, "diversity_penalty": value}, "`diversity_penalty` must be")
            for value in (-0.1, np.nan, np.inf, None, "1", True, np.array([1.0, -1.0]))
        ),
    ],
    ids=str,
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Beam(**options)


def test_as_many_penalties_as_rows():
    beam = Beam(4, groups=2, diversity_penalty=np.ones(3))
    with pytest.raises(ValueError, match=r"`diversity_penalty` must .*\(4,\).*\(3,\)"):
        search(beam)
