"""What is the simple recurrence's own: its step and its activation."""

import numpy as np
import tensorflow as tf
from keras import ops

from keras_seq.ops import simple_rnn_step
from tests.kinds import KINDS

KIND = KINDS["simple_rnn"]


def test_step_is_one_step():
    problem = KIND.problem(length=1)
    projected = problem["x"][:, 0] @ problem["kernel"] + problem["bias"]
    h, (a,) = simple_rnn_step(
        tf.constant(projected),
        tf.constant(problem["h_0"]),
        tf.constant(problem["recurrent_kernel"]),
    )
    expected = KIND.oracle(**problem)
    np.testing.assert_allclose(h, expected["h"][:, 0], rtol=1e-12)
    np.testing.assert_allclose(a, expected["pre_activation"][:, 0], rtol=1e-12)


def test_other_activations():
    problem = KIND.problem()
    h, _, shown = KIND.run(problem, activation=ops.softsign, return_gates=True)
    expected = KIND.oracle(**problem, activation=lambda a: a / (1 + abs(a)))
    np.testing.assert_allclose(h, expected["h"], rtol=1e-10)
    np.testing.assert_allclose(
        shown["pre_activation"], expected["pre_activation"], rtol=1e-10
    )


def test_linear_steps_are_powers_of_the_recurrent_kernel():
    problem = KIND.problem(length=4)
    problem["x"][:] = 0
    del problem["bias"]
    _, (h_T,), _ = KIND.run(problem, activation=lambda a: a)
    power = np.linalg.matrix_power(problem["recurrent_kernel"], 4)
    np.testing.assert_allclose(h_T, problem["h_0"] @ power, rtol=1e-10)
