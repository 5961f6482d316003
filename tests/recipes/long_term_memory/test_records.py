"""Which trial of the long-term memory study is best."""

from recipes.long_term_memory.records import best_trial, longest_trials


def trial(length, loss, solved, model="gru"):
    return {
        "length": length,
        "model": model,
        "test": {"loss": loss},
        "solved": solved,
    }


def test_best_trial_and_longest_trials():
    trials = [
        trial(25, 0.001, True),
        trial(25, 0.02, False, "tanh"),
        trial(50, 0.009, True),
        trial(50, 0.008, True, "relu"),
        trial(100, 0.1, False),
    ]
    assert best_trial(trials) is trials[3]
    assert best_trial(trials, "gru") is trials[2]
    assert best_trial(trials, "tanh") is trials[1]
    longest = longest_trials({"adding": trials[::-1]})
    assert longest == {"gru": trials[4], "relu": trials[3], "tanh": trials[1]}
