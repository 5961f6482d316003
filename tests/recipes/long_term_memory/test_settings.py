"""The long-term memory study's settings, and what is open in them."""

import keras
import pytest

from recipes.long_term_memory import Config, build_model, load_data


@pytest.mark.parametrize("options", [{}, {"quick": True}, {"length": [9, 3, 9]}])
def test_completing_twice_changes_nothing(options):
    config = Config(**options).complete()
    assert config.complete() == config


@pytest.mark.parametrize(
    ("quick", "units", "length"), [(True, 24, 16), (False, 64, 400)]
)
def test_what_is_open_gets_its_default(quick, units, length):
    """As the command's help says it, without a call of `complete`."""
    config = Config(data="adding", quick=quick)
    data = load_data(config)
    assert data.length == length
    assert build_model(config, data, "gru").get_layer("memory").units == units


def test_a_quick_run_holds_an_lstm_and_what_it_can_learn():
    config = Config(quick=True).complete()
    assert (config.data, config.models) == ("adding", ("tanh", "lstm-chrono"))
    assert Config(quick=True, data="copy").complete().data == "copy"
    assert Config().complete().data == "both"


def test_the_loss_is_that_of_the_task():
    config = Config(quick=True)
    copy, adding = (load_data(config, task) for task in ("copy", "adding"))
    assert isinstance(
        build_model(config, copy).loss, keras.losses.SparseCategoricalCrossentropy
    )
    assert isinstance(build_model(config, adding).loss, keras.losses.MeanSquaredError)
