import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_seq.layers import ExplicitLSTM
from keras_seq.music import TuneWriter, tune_requests, tune_signatures
from keras_seq.text import CharacterVocabulary
from tests.serving.native import replayed_in_c

DOCUMENTS = ["T:One\nM:4/4\nL:1/8\nK:D\nDEFG|\n", "T:Two\nM:6/8\nL:1/8\nK:G\nGAB|\n"]
TEMPERATURE, LONGEST = 0.7, 100
PROMPTS = ["T:One\nM:4/4\n", "", "T:Zé ☘\nK"]
WRITING = {
    "temperature": [0.5, 1.0, 2.0],
    "top_p": [0.9, 1.0, 0.3],
    "seed": [3, 4, 2**31 - 1],
    "length": [20, LONGEST, 1],
}


@pytest.fixture(scope="module")
def writer():
    vocabulary = CharacterVocabulary.fit(DOCUMENTS)
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(vocabulary), 6)(ids)
    x, _, _ = ExplicitLSTM(10, return_sequences=True, return_state=True)(x)
    model = keras.Model(ids, keras.layers.Dense(len(vocabulary))(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.7, w.shape) for w in model.get_weights()])
    return TuneWriter(model, vocabulary)


@pytest.fixture(scope="module")
def signatures(writer):
    return tune_signatures(writer, temperature=TEMPERATURE, longest=LONGEST)


@pytest.fixture(scope="module")
def strict(writer):
    """The strict `generate`, live or traced once."""
    settings = {"temperature": TEMPERATURE, "longest": LONGEST, "strict": True}
    live = tune_signatures(writer, **settings)["generate"].function
    return {True: live, False: tf.function(live, autograph=False)}


@pytest.fixture(scope="module")
def ask(signatures):
    """Asks a signature, as traced with its specification."""
    traced = {
        name: tf.function(
            signature.function,
            input_signature=list(signature.inputs.values()),
            autograph=False,
        )
        for name, signature in signatures.items()
    }

    def ask(name, **inputs):
        specs = signatures[name].inputs
        tensors = [tf.constant(inputs[key], spec.dtype) for key, spec in specs.items()]
        return {key: value.numpy() for key, value in traced[name](*tensors).items()}

    return ask


def same(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_names_and_dtypes(signatures, ask):
    given = {
        name: {key: (spec.dtype.name, spec.shape) for key, spec in s.inputs.items()}
        for name, s in signatures.items()
    }
    rows = tf.TensorShape([None])
    default = {"prompt": ("string", rows), "seed": ("int32", rows)}
    assert given == {
        "serving_default": default,
        "generate": default
        | {
            "temperature": ("float32", rows),
            "top_p": ("float32", rows),
            "length": ("int32", rows),
        },
        "complete": default
        | dict.fromkeys(
            ("temperature", "top_p", "min_p", "repetition_penalty"), ("float32", rows)
        )
        | {"length": ("int32", rows), "top_k": ("int32", rows)}
        | {"stop": ("string", tf.TensorShape([None, 4]))},
        "score": {"tune": ("string", rows)},
    }
    for answer in (
        ask("serving_default", prompt=[""], seed=[0]),
        ask("generate", prompt=PROMPTS, **WRITING),
    ):
        assert set(answer) == {"abc", "finished", "error"}
        assert isinstance(answer["abc"][0], bytes)
        assert answer["finished"].dtype == bool
    judged = ask("score", tune=DOCUMENTS)
    assert judged["nats_per_character"].dtype == np.float32
    assert judged["characters"].dtype == np.int32
    for signature in signatures.values():
        assert set(signature.notes) == {*signature.inputs, *signature.outputs}


def test_generate_is_what_the_writer_writes_with_its_number_put_back(writer, ask):
    text, finished = writer.continue_documents(
        *(
            tf.constant(values)
            for values in (
                PROMPTS,
                WRITING["temperature"],
                WRITING["top_p"],
                WRITING["seed"],
                WRITING["length"],
            )
        )
    )
    answer = ask("generate", prompt=PROMPTS, **WRITING)
    assert answer["finished"].tolist() == finished.numpy().tolist()
    assert [tune.decode() for tune in answer["abc"]] == [
        "X:1\n" + prompt + more.decode()
        for prompt, more in zip(PROMPTS, text.numpy(), strict=True)
    ]
    assert len(set(text.numpy())) == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda prompt: "X:1\n" + prompt,
        lambda prompt: "X: 99 \r\n" + prompt,
        lambda prompt: "X:1" + ("\n" + prompt if prompt else ""),
        lambda prompt: prompt.replace("\n", "\r\n"),
        lambda prompt: prompt.replace("\n", "\r"),
        lambda prompt: ("X:\n" + prompt).replace("\n", "\r"),
    ],
)
def test_number_and_kind_of_line_end_do_not_matter(ask, change):
    plain = ask("generate", prompt=PROMPTS, **WRITING)
    same(plain, ask("generate", prompt=[change(p) for p in PROMPTS], **WRITING))


def test_only_the_first_line_can_be_the_number(ask):
    answer = ask("serving_default", prompt=["T:A\nX:1\nK:D\n"], seed=[1])
    assert answer["abc"][0].startswith(b"X:1\nT:A\nX:1\nK:D\n")


def test_default_is_generate_with_its_settings(ask):
    same(
        ask("serving_default", prompt=PROMPTS, seed=[1, 2, 3]),
        ask(
            "generate",
            prompt=PROMPTS,
            temperature=[TEMPERATURE] * 3,
            top_p=[1.0] * 3,
            seed=[1, 2, 3],
            length=[LONGEST] * 3,
        ),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda tune: tune,
        lambda tune: "X:1\n" + tune,
        lambda tune: ("X:12\n" + tune).replace("\n", "\r\n"),
        lambda tune: tune.replace("\n", "\r"),
        lambda tune: tune.rstrip("\n"),
        lambda tune: tune + "\n\n",
        lambda tune: tune + "\r\n\r\n",
    ],
)
def test_score_is_the_mean_of_the_writers_nats(writer, ask, change):
    tunes = [*DOCUMENTS, "T:Zé ☘\n\nK:D\nA\n"]
    nats = writer.nats(tunes)
    judged = ask("score", tune=[change(tune) for tune in tunes])
    assert judged["characters"].tolist() == [len(tune) + 1 for tune in tunes]
    np.testing.assert_allclose(
        judged["nats_per_character"], [n.sum() / len(n) for n in nats], rtol=1e-5
    )


OUT_OF_RANGE = [
    ("temperature", 0.0),
    ("temperature", -1.0),
    ("temperature", float("nan")),
    ("temperature", float("inf")),
    ("top_p", 0.0),
    ("top_p", -0.5),
    ("top_p", 1.01),
    ("top_p", float("nan")),
    ("seed", -1),
    ("length", 0),
    ("length", -3),
    ("length", LONGEST + 1),
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
@pytest.mark.parametrize("live", [True, False])
def test_refuses_by_name_what_is_out_of_range(
    signatures, strict, ask, name, value, live
):
    request = {"prompt": PROMPTS, **WRITING}
    request[name] = [*WRITING[name][:2], value]  # one row is enough
    specs = signatures["generate"].inputs
    tensors = {k: tf.constant(v, specs[k].dtype) for k, v in request.items()}
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"{name} must be .*row 3"):
        strict[live](**tensors)
    # Else its neighbours get their answers.
    answer = ask("generate", **request)
    assert answer["error"].tolist()[:2] == [b"", b""]
    assert re.match(f"{name} must be .*; received ", answer["error"][2].decode())
    expected = ask("generate", prompt=PROMPTS, **WRITING)
    for key in ("abc", "finished"):
        assert answer[key].tolist() == [*expected[key][:2], type(expected[key][2])()]


@pytest.mark.parametrize("name", ["temperature", "top_p", "seed", "length"])
def test_refuses_rows_of_unequal_number(ask, name):
    request = {"prompt": PROMPTS, **WRITING}
    request[name] = WRITING[name][:1]
    message = f"{name} must have as many rows as prompt"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ask("generate", **request)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be above 0"),
        ({"temperature": float("nan")}, "`temperature` must be above 0"),
        ({"longest": 0}, "`longest` must be at least 1; received 0"),
    ],
)
def test_settings_out_of_range_are_refused(writer, arguments, message):
    with pytest.raises(ValueError, match=message):
        tune_signatures(writer, **{"temperature": 1.0, "longest": 9, **arguments})


def test_rows_do_not_depend_on_each_other(ask):
    together = ask("generate", prompt=PROMPTS, **WRITING)
    backwards = ask(
        "generate",
        prompt=PROMPTS[::-1],
        **{name: values[::-1] for name, values in WRITING.items()},
    )
    same(together, {name: values[::-1] for name, values in backwards.items()})
    for row, prompt in enumerate(PROMPTS):
        one = {name: values[row : row + 1] for name, values in WRITING.items()}
        alone = ask("generate", prompt=[prompt], **one)
        same({name: values[row : row + 1] for name, values in together.items()}, alone)
    scores = ask("score", tune=DOCUMENTS)["nats_per_character"]
    alone = [ask("score", tune=[tune])["nats_per_character"][0] for tune in DOCUMENTS]
    np.testing.assert_allclose(scores, alone, rtol=1e-6)


def test_exported_it_serves_and_still_refuses(writer, signatures, tmp_path):
    pytest.importorskip("tensorflow_serving")
    from keras_seq import serving

    requests = tune_requests(["X:1\n" + document for document in DOCUMENTS])
    requests["generate"].append({"prompt": ["X:1\r\n" + p for p in PROMPTS], **WRITING})
    rows = {
        name: sum(len(next(iter(request.values()))) for request in asked)
        for name, asked in requests.items()
    }
    serving.export(writer.model, tmp_path, signatures, warmup=requests)
    # By `check`, too, as the recipe's own run proves.
    found = replayed_in_c(tmp_path, set(rows))
    assert not found or {name: r.rows for name, r in found.items()} == rows
    loaded = tf.saved_model.load(str(tmp_path / "1")).signatures["generate"]
    specs = signatures["generate"].inputs
    for name, value in OUT_OF_RANGE:
        request = {"prompt": PROMPTS, **WRITING, name: [*WRITING[name][:2], value]}
        tensors = {k: tf.constant(v, specs[k].dtype) for k, v in request.items()}
        assert loaded(**tensors)["error"].numpy()[2].startswith(f"{name} ".encode())
