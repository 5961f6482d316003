"""The music recipe's settings, and what is open in them."""

import pytest

from recipes.music_generation import Config, build_model, load_data
from tests.music.data import oneills_file


@pytest.mark.parametrize("options", [{}, {"quick": True}, {"units": 3, "epochs": 2}])
def test_completing_twice_changes_nothing(options):
    config = Config(**options).complete()
    assert config.complete() == config


@pytest.mark.parametrize(("quick", "units"), [(True, 128), (False, 512)])
def test_what_is_open_gets_its_default(quick, units):
    """As the command's help says it, without a call of `complete`."""
    config = Config(data=str(oneills_file()), quick=quick)
    model = build_model(config, load_data(config))
    assert model.get_layer("lstm_0").units == units
