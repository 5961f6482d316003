"""What each bar owes to those before it, by the definition of the attention."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_seq import music
from keras_seq.layers import ExplicitLSTM, SuffixAttention
from keras_seq.runs import Report, RunDirectory
from keras_seq.text import START, CharacterVocabulary
from recipes.music_generation.remembering import (
    plot_remembered,
    remembered,
    report_memory,
)
from recipes.music_generation.settings import Config
from tests.reference.suffix import suffix_attention

TUNE = "T:A\nM:C\nL:1/8\nK:D\nABcd e2f2|ABcd e2fg|\nz8|ABcd efga||"
STRENGTHS = np.linspace(0.5, 3, 32)


def writer(memory):
    keras.utils.set_random_seed(5)
    vocabulary = CharacterVocabulary("".join(sorted(set(TUNE))))
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), 4)(ids)
    x, *_ = ExplicitLSTM(6, return_sequences=True, return_state=True)(x)
    logits = keras.layers.Dense(len(vocabulary), name="logits")(x)
    if memory:
        layer = SuffixAttention(memory, name="memory")
        logits = layer(logits, tokens=ids)
        layer.set_weights([STRENGTHS])
    return music.TuneWriter(keras.Model(ids, logits), vocabulary)


def test_the_nats_of_a_bar_are_those_of_its_characters():
    memory = writer(60)
    found = remembered(memory, TUNE)
    header = "T:A\nM:C\nL:1/8\nK:D\n"
    assert found.bars == [*(header, "ABcd e2f2|", "ABcd e2fg|\n", "z8|", "ABcd efga||")]
    assert "".join(found.bars) == TUNE
    ids = np.array([[START, *memory.vocabulary.encode(TUNE)]])
    plain = keras.Model(memory.model.input, memory.model.get_layer("logits").output)(
        ids[:, :-1]
    ).numpy()
    logits, looked = suffix_attention(plain, ids[:, :-1], STRENGTHS, 60)
    bar_of = [i for i, bar in enumerate(found.bars) for _ in bar]
    expected = np.zeros((5, 5))
    for t, place in enumerate(ids[0, 1:]):
        nats = [z[0, t] - np.log(np.exp(z[0, t]).sum()) for z in (plain, logits)]
        if looked[0, t].any():
            copied = looked[0, t].argmax() - 1  # the start mark is no character
            expected[bar_of[t], bar_of[copied]] += nats[1][place] - nats[0][place]
    np.testing.assert_allclose(found.saved, expected, atol=1e-4)
    assert found.saved[2, 1] == found.saved.max() > 3  # the bar that returns
    axes = plot_remembered(found).axes[0]
    assert [text.get_text() for text in axes.texts][1:3] == ["ABcd e2f2|", "ABcd e2fg|"]
    assert len(axes.patches) == (found.saved >= 0.5).sum()


@pytest.mark.parametrize("memory", [0, 60])
def test_the_report_tells_it_where_there_is_a_memory(memory, tmp_path):
    config = Config(out=str(tmp_path / "run"), memory=memory).complete()
    run = RunDirectory.start(config.out, config)
    report = Report("Tunes")
    report_memory(report, run, writer(memory), TUNE)
    told = "behind a repeat of 1 (+0.5), 4 (+0.7), 8 (+1.1), 32 (+3.0) characters"
    assert (told in report.html()) == bool(memory)
    assert (run / "figures" / "remembered.png").exists() == bool(memory)


@pytest.mark.parametrize("memory", [-1, 4097])
def test_a_memory_is_bounded(memory):
    with pytest.raises(ValueError, match=r"`memory` must be in \[0, 4096\]; received"):
        Config(memory=memory).complete()


def test_a_run_of_before_has_none(tmp_path):
    config = Config(out=str(tmp_path)).complete()
    run = RunDirectory.start(config.out, config)
    settings = {k: v for k, v in run.config.items() if k != "memory"}
    run.write_json("config.json", settings)
    read = RunDirectory(tmp_path).read_config(type(config))
    assert read == dataclasses.replace(config, memory=0, out=read.out)
