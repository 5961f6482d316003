"""A tune writer, and what it serves, within the grammar; its model knows nothing."""

import re

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.music import (
    TuneGrammar,
    TuneWriter,
    normalise,
    to_document,
    tune_signatures,
    validate,
)
from keras_seq.music.grammar._typed import without_layout
from keras_seq.music.grammar.beside import check_prompts
from keras_seq.text import END, PADDING, START, UNKNOWN
from tests.music.grammar.test_constraint import SMALL, WHOLE


def test_what_is_given_is_kept_and_the_tune_is_valid(writer):
    given = {"T": "Über & out", "R": "jig", "M": "6/8", "K": "Ador"}
    tunes = writer.write(6, given=given, temperature=1.5, max_length=120, seed=4)
    for tune in tunes:
        assert tune.finished
        assert tune.text.startswith("X:")
        assert "\nT:Über & out\nR:jig\nM:6/8\nL:" in tune.text
        assert "\nK:Ador\n" in tune.text
        assert validate(tune.text).problems == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"given": {"M": "17/8"}}, "`given` breaks the grammar: line 2, column 4"),
        ({"given": {"K": "H"}}, "`given` breaks the grammar: .*, came 'H'"),
        ({"given": {"M": "none"}}, "came 'n' [(]of meters it has C, C[|], 2/2"),
        ({"given": {"M": "9/4", "L": "1/16"}}, "of which a bar has 32 at most"),
        ({"max_length": 20}, "`max_length` must be at least 2[0-9], so that the tune"),
    ],
)
def test_refuses_by_name(writer, arguments, said):
    with pytest.raises(ValueError, match=said):
        writer.write(1, **{"max_length": 80, **arguments})


def test_refuses_a_grammar_of_another_vocabulary(writer):
    with pytest.raises(ValueError, match="`grammar` must be of the same `vocabulary`"):
        TuneWriter(writer.model, WHOLE, grammar=TuneGrammar(SMALL))


def test_nats_in_the_grammar_are_those_of_what_it_allows(writer):
    document = "T:A\nM:2/4\nL:1/8\nK:D\nA2 (Bc)|1 d4:|2 e4||\n"
    refused = document.replace("A2", "A3")
    found, inside_then_not = writer.nats([document, refused], in_grammar=True)
    ids = [START, *WHOLE.encode(document), END]
    logits = writer.model(np.array([ids[:-1]])).numpy()[0].astype("float64")
    grammar = writer.grammar
    state = grammar.initial_state(tf.constant([START]), 2000)
    for place, token in enumerate(ids[1:]):
        allowed = grammar.allowed(state, len(WHOLE)).numpy()[0]
        assert not allowed[[PADDING, START, UNKNOWN]].any()
        possible = logits[place][allowed]
        expected = np.log(np.exp(possible).sum()) - logits[place, token]
        np.testing.assert_allclose(found[place], expected, rtol=1e-4, atol=1e-4)
        state = grammar.next_state(state, tf.constant([token]))
    assert (found <= writer.nats([document])[0] + 1e-4).all()
    assert np.isinf(inside_then_not).any()


@pytest.fixture(scope="module")
def generate(writer):
    signature = tune_signatures(writer, temperature=1.0, longest=200)["generate"]
    specs = list(signature.inputs.values())
    traced = tf.function(signature.function, input_signature=specs, autograph=False)

    def generate(prompts, lengths):
        rows = len(prompts)
        given = {
            "prompt": prompts,
            "temperature": [1.5] * rows,
            "top_p": [1.0] * rows,
            "seed": list(range(rows)),
            "length": lengths,
        }
        inputs = [tf.constant(given[n], s.dtype) for n, s in signature.inputs.items()]
        return {name: value.numpy() for name, value in traced(*inputs).items()}

    return generate


def test_served_tunes_are_valid_and_refusals_harm_no_neighbour(generate):
    header = "T:Z\nM:3/4\nL:1/8\nK:G\n"
    prompts = ["", "X:7\r\n" + header, header + "G4|", header, header + "(3"]
    answer = generate(prompts, [90, 100, 80, 5, 60])
    assert [e.decode() for e in answer["error"]] == [
        "",
        "",
        # A pickup of four eighths, so far: it is a way to begin.
        "",
        "length must be at least 6 for an end",
        "",
    ]
    rows = zip(*(answer[n] for n in ("abc", "finished", "error")), strict=True)
    for abc, finished, error in rows:
        if not error:
            assert finished
            assert validate(abc.decode()).problems == ()
    answer = generate([header + "G8", header + "G4"], [90, 90])
    said = r"prompt breaks the grammar behind character 21, behind '\nL:1/8\nK:G\nG'"
    assert answer["error"][0].decode() == said
    assert not answer["error"][1]


def test_prompts_may_be_typed_with_space(generate):
    """What `to_document` leaves out of the tunes that are learnt is left out here."""
    typed = "X: 1\r\nT: The Hag\nM: 6/8 \nL: 1/8\nK: G\n|: D2 E  F3 | A6 |\tG"
    plain = "T:The Hag\nM:6/8\nL:1/8\nK:G\n|:D2 E F3|A6|G"
    answer = generate([typed, plain], [90, 90])
    assert answer["error"].tolist() == [b"", b""]
    for abc in answer["abc"]:
        assert abc.decode().startswith(f"X:1\n{plain}")
        assert validate(abc.decode()).problems == ()


@pytest.mark.parametrize(
    "typed",
    [
        "T: A | B  C: x\nM: 4/4\nL: 1/8\nK: D\n| D4  E4 |  F8 |",
        'T:A\nM:C\nL:1/8\nK:D\nD8 :| "^a | b" D8 |]  |: [1 C8 |2 D8 || |:\tC8 :|',
        'T:"A |\nM:C\nL:1/8\nK:D\nA:| B\nK: G \n  c8 | d8 :: e8 |]',
    ],
)
def test_layout_is_that_of_the_documents(typed):
    lines = [line.strip(" ") for line in typed.split("\n")]
    music = [re.sub("[ \t]+", " ", line) for line in lines[4:]]
    oracle = to_document(normalise("\n".join([*lines[:4], *music])))
    found = without_layout(tf.constant([typed])).numpy()[0].decode()
    assert found.replace("\n ", "\n") + "\n" == oracle


def test_rows_that_are_refused_cost_nothing(writer, monkeypatch):
    steps = []
    step = writer._step
    monkeypatch.setattr(writer, "_step", lambda *a: steps.append(1) or step(*a))
    served = tune_signatures(writer, temperature=1.0, longest=300)
    default = served["serving_default"].function
    answer = default(tf.constant(["T:A\nT:B\n"]), tf.constant([1]))
    assert answer["error"].numpy()[0].startswith(b"prompt breaks the grammar")
    assert len(steps) <= 2  # of 300


def test_notes_say_that_a_grammar_reads_prompts(writer):
    bare = TuneWriter(writer.model, WHOLE)
    for each, read in ((writer, True), (bare, False)):
        for signature in tune_signatures(each, temperature=1.0, longest=9).values():
            if "prompt" in signature.notes:
                assert ("grammar of tunes" in signature.notes["prompt"]) == read


def test_all_prompts_are_read_at_once(writer, monkeypatch):
    grammar, calls = writer.grammar, []
    checked = grammar._checked
    monkeypatch.setattr(
        grammar, "_checked", lambda t: calls.append(len(t)) or checked(t)
    )
    prompts = [f"T:{letter}\nM:C\n" for letter in "ABCDEFGH"]
    check_prompts(grammar, prompts * 2, 80)
    assert calls == [8]
    with pytest.raises(ValueError, match="line 2, column 1: expected 'M' or 'R', came"):
        check_prompts(grammar, [*prompts, "T:A\nK:C\n", "T:A\nC:C\n"], 80)
    assert calls == [8, 10]


def test_served_prompts_of_one_row_do_not_hang_on_others(generate):
    prompts = ["T:A\nM:C\n", "T:B\nM:6/8\nL:1/8\nK:D\nA|"]
    both = generate(prompts, [80, 90])
    alone = generate(prompts[:1], [80])
    assert both["abc"][0] == alone["abc"][0]
