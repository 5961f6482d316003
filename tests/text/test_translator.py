import numpy as np
import pytest
import tensorflow as tf

from keras_seq.text import END, SubwordVocabulary
from tests.text.translators import SOURCES, translator

END_MARK = "■"


@pytest.fixture(scope="module")
def trained():
    return translator()


@pytest.fixture(scope="module")
def found(trained):
    return trained.translate(SOURCES, width=4, n_best=3)


def test_scores_are_those_of_the_model(trained, found):
    """ln p of a finished translation over ((5 + length) / 6)^1, by `score`."""
    for source, best in zip(SOURCES, found, strict=True):
        for translation in best:
            if not translation.finished or not source:
                continue
            nats, tokens = trained.score([source], [translation.text])
            expected = -nats[0] / ((5 + tokens[0]) / 6)
            assert translation.score == pytest.approx(expected, abs=1e-4)


def test_best_first_and_different(found):
    for best in found:
        assert len(best) == 3
        ended = [t.score for t in best if t.finished]
        assert ended == sorted(ended, reverse=True)
        assert len({(t.text, t.finished) for t in best if t.text}) == sum(
            bool(t.text) for t in best
        )


def test_alignments_fit_the_pieces(trained, found):
    for source, best in zip(SOURCES, found, strict=True):
        for translation in best:
            shape = (len(translation.target), len(translation.source))
            assert translation.alignment.shape == shape
            assert translation.source == [*source.replace(" ", "␣"), END_MARK]
            assert "".join(translation.target).rstrip(END_MARK) == (
                translation.text.replace(" ", "␣")
            )
            np.testing.assert_allclose(translation.alignment.sum(-1), 1, atol=1e-5)


def test_alignment_of_a_given_translation(trained, found):
    best = next(b for b, *_ in found if b.finished and b.text)
    source = "".join(best.source).rstrip(END_MARK)
    source_pieces, target_pieces, weights = trained.attention(source, best.text)
    assert source_pieces == best.source
    assert target_pieces == best.target
    np.testing.assert_allclose(weights, best.alignment, atol=1e-5)


def test_nothing_comes_of_nothing(found):
    first, *others = found[1]
    assert (first.text, first.score, first.finished) == ("", 0.0, True)
    assert first.target == first.source == [END_MARK]
    assert [(t.text, t.score, t.finished) for t in others] == [("", -np.inf, False)] * 2


def test_rows_do_not_depend_on_their_batch(trained, found):
    for source, best in zip(SOURCES, found, strict=True):
        [alone] = trained.translate([source], width=4, n_best=3)
        assert [t.text for t in alone] == [t.text for t in best]


def test_score_by_the_models_own_logits(trained):
    source, target = "abc", "da b"
    vocabulary = trained.source
    wanted = [*vocabulary.encode(target), 2]
    logits = np.asarray(
        trained.model(
            {
                "source": np.array([[*vocabulary.encode(source), 2]]),
                "target": np.array([[1, *wanted[:-1]]]),
            }
        )
    )[0].astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    nats, tokens = trained.score(["b", source], ["abcd é", target])
    assert nats[1] == pytest.approx(-log_p[range(5), wanted].sum(), rel=1e-5)
    assert tokens.tolist() == [7, 5]


def test_text_is_normalised(trained):
    [composed], [apart] = trained.translate(["dé a", " de\u0301\t a\n"], width=1)
    assert composed.text == apart.text
    assert composed.source == apart.source


def test_what_is_unknown_or_no_text_is_translated_too(trained):
    strange = ["\x00\x07", "日本語 😀", "a" * 2000, "\ud800"]
    assert len(trained.translate(strange, width=2)) == 4


def test_a_translation_is_as_long_as_may_be():
    short = translator(longest=3)
    short.model.bias.assign(np.where(np.arange(10) < 4, -99.0, 0.0))
    [[translation]] = short.translate(["abc"], width=1)
    assert not translation.finished
    assert len(translation.text) == 3
    assert END_MARK not in translation.target


def test_no_marks_are_written():
    eager = translator()
    eager.model.bias.assign([9.0, 9.0, 1.0, 9.0, *np.zeros(6)])
    for best in eager.translate(SOURCES, width=4, n_best=4):
        for translation in best:
            assert set(translation.target) <= {*"abcdé␣", END_MARK}


def test_progress(trained):
    calls = []
    trained.translate(
        SOURCES, width=1, batch_size=2, progress=lambda *call: calls.append(call)
    )
    assert calls == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.translate(["a"], n_best=0), "`n_best` must be in.*received 0"),
        (lambda t: t.translate(["a"], width=2, n_best=3), "`n_best` must be in"),
        (lambda t: t.translate(["a"], width=0), "`width` must be .*received 0"),
        (lambda t: t.translate("abc"), "`texts` must be a list of strings.*'abc'"),
        (lambda t: t.score("a", ["b"]), "`sources` must be a list of strings"),
        (lambda t: t.translate(["a"], width=1, length_penalty=-1), "`length_penalty`"),
        (lambda t: t.score(["a"], []), "`targets` must be as many.*1; received 0"),
        (lambda t: translator(longest=0), "`longest` must be at least 1"),
        (lambda t: translator(longest_source=0), "`longest_source` must be at least"),
    ],
)
def test_refused(trained, call, message):
    with pytest.raises(ValueError, match=message):
        call(trained)


def test_sentences_that_are_too_long():
    short = translator(longest_source=12)
    fits, long = "abcd abcd ab", "abcd abcd abc"
    wanted = translator().translate(["a", fits])
    found = short.translate(["a", fits])
    assert [best.text for [best] in found] == [best.text for [best] in wanted]
    message = "at most 12 tokens; received 13 in sentence 2, 'abcd abcd abc'"
    with pytest.raises(ValueError, match=message):
        short.translate(["a", long])
    with pytest.raises(ValueError, match=message):
        short.score(["a", long], ["a", "a"])
    with pytest.raises(ValueError, match="received 13 in sentence 1"):
        short.attention(long, "a")
    short.score(["a"], [long])  # the target may be longer
    bytewise = translator(longest_source=20)
    bytewise.source = SubwordVocabulary(["\u2581"])
    with pytest.raises(ValueError, match="received 37 in sentence 1"):
        bytewise.translate(["\U0001d160" * 3])  # each is three of 4 bytes, composed
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 12 tokens"):
        short._judge(["a", long], ["a", "a"])


def test_what_is_no_character_is_read_as_a_question_mark(trained):
    text = "a\ud800b"
    assert trained.score([text], [text]) == trained.score(["a?b"], ["a?b"])
    found, expected = trained.attention(text, text), trained.attention("a?b", "a?b")
    np.testing.assert_array_equal(found[2], expected[2])


def test_case_is_folded_where_asked(trained):
    folding = translator(casefold=True)
    for source, loud in (("dé a", "DÉ A"), ("abcd c", "Abcd C")):
        [[plain]] = trained.translate([source], width=2)
        [[folded]] = folding.translate([loud], width=2)
        assert (folded.text, folded.source) == (plain.text, plain.source)
        assert folded.score == pytest.approx(plain.score, abs=1e-5)
        nats, _ = folding.score([loud], ["bB"])
        assert nats == pytest.approx(trained.score([source], ["bB"])[0], rel=1e-5)
        forced = folding.teacher_forced([loud], ["B"])
        assert forced[1].tolist() == trained.teacher_forced([source], ["B"])[1].tolist()
        assert folding.attention(loud, "b")[0] == plain.source
        assert folding.attention(loud, "B")[1] == trained.attention(source, "B")[1]
        assert forced[0]["source"].numpy().tolist() == [
            [*trained.source.encode(source), END]
        ]
    # Without it capitals are what they are: unknown to this vocabulary.
    assert trained.translate(["ABC"], width=2)[0][0].source == [*"\ufffd" * 3, END_MARK]
