"""One export of the character model, made once for the tests that read it."""

import types

import pytest

from tests.serving import char_model


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    pytest.importorskip("tensorflow_serving")
    from keras_seq.serving import export

    model = char_model.build()
    path = tmp_path_factory.mktemp("run") / "saved_model"
    signatures = char_model.signatures(model)
    report = export(
        model,
        path,
        signatures,
        warmup=char_model.WARMUP,
        model_card=char_model.CARD,
    )
    return types.SimpleNamespace(
        model=model,
        path=path,
        directory=path / "1",
        signatures=signatures,
        report=report,
    )
