"""The next-word recipe's settings, and what is open in them."""

import pytest

from recipes.next_word import Config, build_model, load_data


@pytest.mark.parametrize("options", [{}, {"quick": True}, {"units": 4, "epochs": 2}])
def test_completing_twice_changes_nothing(options):
    config = Config(**options).complete()
    assert config.complete() == config


@pytest.mark.parametrize(("quick", "dim"), [(True, 32), (False, 256)])
def test_what_is_open_gets_its_default(quick, dim):
    """As the command's help says it, without a call of `complete`."""
    config = Config(quick=quick)
    data = load_data(config)
    model = build_model(config, data)
    assert model.embedding.embeddings.shape == (len(data.vocabulary), dim)
