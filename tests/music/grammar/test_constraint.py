"""The grammar of tunes; `validate`, music21 and abc2midi are the judges."""

import shutil
import string
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from keras_seq.decoding import Beam, Sample, generate
from keras_seq.music import (
    TuneGrammar,
    from_document,
    parses_in_music21,
    validate,
)
from keras_seq.music.grammar._header import METERS
from keras_seq.text import END, START, CharacterVocabulary

WHOLE = CharacterVocabulary(
    string.ascii_letters + string.digits + "/:|[](){}<>!\"^_=-.~',? \n"
)
READ = tf.function(TuneGrammar.read, autograph=False)
SMALL = CharacterVocabulary("TMLKCDEFGABc:/|12348 \n")


@pytest.fixture(scope="module")
def grammar():
    return TuneGrammar(WHOLE)


def walks(grammar, rows, length, seed, *, prompts=None):
    """Tunes that a model writes whose logits are random numbers."""
    size = len(grammar.vocabulary)
    logits = np.random.default_rng(seed).normal(0, 2, (size, size)).astype("float32")
    constraint, lengths = grammar, length + tf.zeros([rows], tf.int32)
    if prompts:
        ids, counts = grammar.vocabulary.encode_tensor(tf.constant(prompts))
        registers, good, _ = READ(grammar, ids, counts)
        np.testing.assert_array_equal(good, counts)
        constraint = grammar.behind(registers, lengths)
    drawn = generate(
        lambda tokens, state: (tf.gather(logits, tokens), state),
        (),
        np.full(rows, START),
        max_length=lengths,
        strategy=Sample(),
        end_token=END,
        seed=seed,
        constraint=constraint,
    )
    written = grammar.vocabulary.decode_tensor(drawn.ids, drawn.lengths).numpy()
    stuck = written[~drawn.finished.numpy()]
    assert stuck.tolist() == []
    prompts = prompts or [""] * rows
    return [p + text.decode() for p, text in zip(prompts, written, strict=True)]


def problems(tune):
    return [str(p) for p in validate(from_document(tune)).problems]


@pytest.mark.parametrize("length", ["shortest", 60, 400])
@pytest.mark.parametrize("vocabulary", [WHOLE, SMALL])
def test_every_walk_is_a_valid_tune_that_ends(vocabulary, length):
    grammar = TuneGrammar(vocabulary)
    length = grammar.shortest if length == "shortest" else length
    tunes = walks(grammar, 24, length, seed=3)
    assert len(set(tunes)) > 10
    for tune in tunes:
        assert len(tune) < length
        assert problems(tune) == []


@pytest.fixture(scope="module")
def tunes(grammar):
    return [t for seed in (5, 6) for t in walks(grammar, 16, 250, seed)]


def test_music21_reads_them(tunes):
    assert all(parses_in_music21(from_document(tune)) for tune in tunes[:8])


@pytest.mark.skipif(not shutil.which("abc2midi"), reason="needs abc2midi")
def test_abc2midi_reads_them(tunes, tmp_path):
    path = tmp_path / "tunes.abc"
    path.write_text("\n".join(from_document(t, i) for i, t in enumerate(tunes, 1)))
    said = subprocess.run(
        ["abc2midi", str(path)], capture_output=True, text=True, cwd=tmp_path
    ).stdout
    assert len(list(tmp_path.glob("*.mid"))) == len(tunes)
    assert [line for line in said.splitlines() if line.startswith("Error")] == []


HEADERS = [
    "T:A\nM:6/8\nL:1/8\nK:G\n",
    "T:B\nM:C|\nL:1/16\nK:A dor\n",
    "T:C\nR:reel\nM:3/4\nL:1/4\nQ:1/4=90\nK:Bb\nG|",
    "T:D\nM:9/8\nL:1/8\nK:D\n|:A|d3 e3 fed|A",
    "T:E\nM:2/4\nL:1/8\nK:C\nc4|1c",
    "T:F\nM:4/4\nL:1/8\nK:C\n(3cde c>",
    "T:G\nM:4/4\nL:1/8\nK:C\nc8|c6-",
    "T:H\nR:hor",
]


def test_rows_go_on_behind_prompts_of_their_own(grammar):
    for tune in walks(grammar, len(HEADERS), 150, 9, prompts=HEADERS):
        assert problems(tune) == []


def test_the_smallest_room_is_enough_and_less_is_not(grammar):
    ids, counts = WHOLE.encode_tensor(tf.constant(HEADERS))
    registers, _, needed = READ(grammar, ids, counts)
    tunes = walks(grammar, len(HEADERS), needed, 1, prompts=HEADERS)
    for tune, prompt, most in zip(tunes, HEADERS, needed.numpy(), strict=True):
        assert len(tune) < len(prompt) + most
        assert problems(tune) == []
    less = grammar.behind(registers, needed - 1)
    assert not less.allowed(less.initial_state(counts, 0), len(WHOLE)).numpy().any()
    assert grammar.check(HEADERS[0]) == needed[0]


def test_what_is_left_of_a_changed_tune_is_still_valid(grammar, tunes):
    """Whatever the machine accepts as a whole, `validate` accepts."""
    rng = np.random.default_rng(0)
    characters = WHOLE.characters
    changed = []
    for tune in tunes * 12:
        place = rng.integers(tune.index("K:") + 2, len(tune) - 1)
        kind = rng.integers(3)
        new = "" if kind == 0 else rng.choice(list(characters))
        changed.append(tune[:place] + new + tune[place + (kind < 2) :])
    ids, lengths = WHOLE.encode_tensor(tf.constant(changed))
    _, good, more = READ(grammar, ids, lengths)
    whole = (good.numpy() == lengths.numpy()) & (more.numpy() == 1)
    assert 30 < whole.sum() < len(changed) - 30
    for tune in np.array(changed, object)[whole]:
        assert problems(tune) == []


BODY = "T:X\nM:{}\nL:1/8\nK:G\n{}\n"


@pytest.mark.parametrize(
    ("meter", "music"),
    [
        ("6/8", "D|GAB c2d|e3 d2:|"),
        ("6/8", "|:D|GAB c2d|e3 d2:|\n|:B|c3 c3|d3 d2:|"),
        ("4/4", "(3ABc d>e f2 g2|A8|]"),
        ("4/4", "A2 B2 c2 d2|1 e8:|2 f8||"),
        ("4/4", "|:A8|[1 B8:|[2 c8|]"),
        ("C|", "A|B8|c7||d|e8|f7|]"),
        ("2/4", '{ga}a2 [ce]2"^D.C."||'),
        ("2/4", "a4-|a2 (gf)::e4|d4:|"),
        ("3/4", ".A.B.c Td3|~e6||\nK:D\nf6|]"),
        ("2/4", "A/B/c/d/ e3/2f/|g2>g2|A//B//c/ d3|A<B c>>d||"),
        ("4/4", "A|:B8|c7:|"),
        ("4/4", "A8:|\n||B8|1 c8:|2 d8|]"),
        ("4/4", "D8|D8|\n|:D8:|"),
        ("4/4", "D8|\n||D8||"),
        ("4/4", "D7|D8|1D8|D:|2D||"),
        ("4/4", "D8|D8::D7|D8|1D8|D:|2D||D7|D8|D||"),
        ("4/4", "D|D8|D7|\n|:D|D8|D7:|"),
        ("4/4", "D8|D8|D7|:D|D8|D7:|"),
    ],
)
def test_accepts_what_people_write(grammar, meter, music):
    tune = BODY.format(meter, music)
    assert problems(tune) == []
    assert grammar.check(tune) == 1


@pytest.mark.parametrize(
    ("meter", "music", "said"),
    [
        ("6/8", "GAB c2d2", "line 5, column 8: .* came '2'"),
        ("4/4", "A8|1 B8||", "line 5, column 8: .* came '|'"),
        ("4/4", "A>B>", "came '>'"),
        ("4/4", "A2-B2", "line 5, column 4: expected .*'A'.*, came 'B'"),
        ("4/4", "A8)|", "came '[)]'"),
        ("4/4", "(A8||", "came '|'"),
        ("4/4", "[A8", None),
        ("4/4", "|:A8||", "came '|'"),
        ("4/4", "(3AB|", "came '|'"),
        ("4/4", "A8|?", "came '[?]'"),
        ("4/4", "D7|D8|1D8|D:|2D||D8||", "line 5, column 19: .* came '8'"),
        ("17/8", "A8|", "line 2, column 4: .* came '7'"),
    ],
)
def test_refuses_and_says_where(grammar, meter, music, said):
    tune = BODY.format(meter, music)
    if said is None:
        said = "came '\\\\n'"
    with pytest.raises(ValueError, match=said):
        grammar.check(tune)


def test_hornpipes_may_be_given_every_meter(grammar):
    """Cut off anywhere, too: what is begun can be ended."""
    prompts = [
        f"T:A\nR:{word}\nM:{meter}\n"
        for meter in METERS
        for word in ("hornpipe", "Hornpipe", "hornpipe set")
    ]
    parts = {prompt[:end] for prompt in prompts for end in range(len(prompt) + 1)}
    assert max(grammar.check_all(sorted(parts))) < 60
    assert grammar.check_all([]) == []


@pytest.mark.parametrize("characters", ["", "%", "\\", "%\\"])
def test_a_title_has_a_percent_sign_behind_a_backslash(characters):
    """A bare one begins a comment, whether the vocabulary knows it or not."""
    grammar = TuneGrammar(CharacterVocabulary([*SMALL.characters, *characters]))
    rest = "\nM:4/4\nL:1/8\nK:C\nC8|\n"
    titles = [
        validate(from_document(f"T:{t}{rest}")).tune.title for t in ("C \\% D", "C % D")
    ]
    assert titles == ["C \\% D", "C"]
    assert grammar.check_all(["T:C \\% D" + rest, "T:C\\'a" + rest]) == [6, 6]
    for title, column in (("C % D", 5), ("C%", 4), ("%", 3), ("\\%%", 5)):
        said = f"line 1, column {column}: came '%', which must stand behind"
        with pytest.raises(ValueError, match=said):
            grammar.check("T:" + title + rest)
    for text in ("T:C\\", "T:C\\" + rest):
        with pytest.raises(ValueError, match="column 4: came a backslash behind which"):
            grammar.check(text)


@pytest.mark.parametrize("music", ["A8", "A8|", "A8|B4||", "|:A8|1B8:|\n", "A6|B8||c"])
def test_knows_that_more_must_come(grammar, music):
    assert grammar.check(BODY.format("4/4", music)[:-1]) > 2


def test_what_people_write_may_be_given_but_is_not_written(grammar):
    """abc2midi takes "Segno" for a chord, and a hornpipe in C| for an error."""
    prompt = 'T:A: B\nR:hornpipe\nM:C|\nL:1/8\nK:G\n"Segno|'
    ids, lengths = WHOLE.encode_tensor(tf.constant([prompt]))
    _, good, _ = grammar.read(ids, lengths)
    assert good.numpy() == len(prompt) - 1  # a sign ends with its quotes
    allowed, _ = grammar.allowed_along(ids, grammar.initial_state(lengths, 2000))
    then = [WHOLE.encode(c)[0] for c in prompt[1:]]
    written = [bool(a[i]) for a, i in zip(allowed[0].numpy(), then, strict=False)]
    assert [prompt[i + 1] for i, w in enumerate(written) if not w][:3] == [
        ":",
        "|",
        "S",
    ]


def test_a_short_second_ending_is_paid_for(grammar):
    """Its section's pickup was, by the first: the next one is, or the tune's."""
    text = BODY.format("4/4", "D8|D8::D7|D8|1D8|D:|2D||")
    assert problems(text)
    assert grammar.check(text) > 2


def test_nothing_is_written_between_a_trill_and_its_note(grammar):
    """Or it might be a chord, of which abc2midi plays none: an error."""
    text = BODY.format("4/4", "!trill!")[:-1]
    registers = grammar.read_texts(tf.constant([text])).registers
    allowed = grammar.allowed(registers._replace(left=tf.constant([99])), len(WHOLE))
    can = [c for c in WHOLE.characters if allowed[0, WHOLE.encode(c)[0]]]
    assert set(can) == set("ABCDEFGabcdefg^_=z!")
    assert grammar.check(BODY.format("4/4", '!trill!([ce]8)|.A"^x"B3 A4|]')) == 1


def test_a_step_in_the_graph_is_a_step_outside(grammar, tunes):
    ids, _ = WHOLE.encode_tensor(tf.constant(tunes[:3]))
    ids = ids[:, :70]
    first = grammar.initial_state(ids[:, 0], 300)
    traced, last = tf.function(grammar.allowed_along, autograph=False)(ids, first)
    state = first
    for i in range(ids.shape[1]):
        state = grammar.next_state(state, ids[:, i])
        expected = grammar.allowed(state, len(WHOLE))
        np.testing.assert_array_equal(traced[:, i], expected)
    for a, b in zip(last, state, strict=True):
        np.testing.assert_array_equal(a, b)


def test_beams_stay_within_it(grammar):
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 1, (len(WHOLE), len(WHOLE))).astype("float32")
    found = generate(
        lambda tokens, state: (tf.gather(logits, tokens), state),
        (),
        np.full(2, START),
        max_length=45,
        strategy=Beam(4),
        end_token=END,
        constraint=grammar,
    )
    assert found.finished.numpy().any()
    for ids, length, finished in zip(
        found.ids.numpy().reshape(-1, 45),
        found.lengths.numpy().ravel(),
        found.finished.numpy().ravel(),
        strict=True,
    ):
        if finished:
            assert problems(WHOLE.decode(ids[:length])) == []


def test_a_saved_function_allows_the_same(grammar, tunes, tmp_path):
    def read(ids, lengths):
        _, good, more = grammar.read(ids, lengths)
        return {"good": good, "more": more}

    specs = [tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([None], tf.int32)]
    module = tf.Module()
    module.read = tf.function(read, input_signature=specs, autograph=False)
    tf.saved_model.save(module, tmp_path)
    given = WHOLE.encode_tensor(tf.constant([*tunes[:3], *HEADERS]))
    loaded, here = tf.saved_model.load(tmp_path).read(*given), module.read(*given)
    for name, value in here.items():
        np.testing.assert_array_equal(loaded[name], value)


@pytest.mark.parametrize(
    ("characters", "said"),
    [
        ("TMLKC:/1\n", r"lacks '\|', a meter|lacks '\|', a unit|lacks '\|'"),
        ("TMLK:/|182\nx", r"a key such as D .*a note"),
        ("TMKCD:/|182\n", "'L'"),
        ("", "'T', ':'"),
    ],
)
def test_says_what_a_vocabulary_lacks(characters, said):
    with pytest.raises(ValueError, match=said):
        TuneGrammar(CharacterVocabulary(characters))


def test_refuses_logits_of_another_size(grammar):
    state = grammar.initial_state(tf.constant([START]), 50)
    with pytest.raises(ValueError, match="`vocabulary` must have V = 9"):
        grammar.allowed(state, 9)
