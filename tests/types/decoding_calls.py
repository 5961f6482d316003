"""Documented calls of decoding and diagnostics: a checker finds nothing."""

import functools
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from keras_seq.decoding import (
    AllOf,
    Automaton,
    Beam,
    Constraint,
    Contrastive,
    ForbiddenTokens,
    ForcedPrefix,
    Generation,
    Greedy,
    NoRepeatedNgrams,
    Sample,
    Stepper,
    Strategy,
    generate,
    mix_with_predictions,
    sampling_probability,
)
from keras_seq.diagnostics import (
    AlignmentAgreement,
    ClippingMonitor,
    FlowFunction,
    GateActivity,
    GateMonitor,
    GradientFlow,
    GradientFlowMonitor,
    UnitText,
    alignment_agreement,
    attention_coverage,
    attention_entropy,
    attention_map,
    drawable,
    find_units,
    gate_activity,
    gradient_flow,
    inside_brackets,
    inside_quotes,
    line_position,
    plot_attention,
    plot_gates,
    plot_gradient_flow,
    plot_image_attention,
    plot_saturation,
    plot_unrolled,
    state_jacobians,
    text_activity,
    unit_scores,
    unit_text,
    write_lstmvis,
)
from keras_seq.text import CharacterVocabulary

START = np.array([0, 3])


# The step function: without types, with them, with what is kept, with constants.
def step(tokens, state):
    return tf.one_hot(tokens + 1, 6) * 9.0, state


def typed_step(tokens: tf.Tensor, state: tuple[()]) -> tuple[tf.Tensor, tuple[()]]:
    return tf.one_hot(tokens + 1, 6) * 9.0, state


def keeping(tokens: Any, state: Any) -> tuple[Any, Any, dict[str, Any]]:
    logits = tf.one_hot(tokens, 6)
    return logits, state, {"attention": logits}


def with_constants(
    tokens: Any, state: Any, constants: dict[str, Any]
) -> tuple[Any, Any]:
    return constants["logits"], state


def with_or_without(tokens, state, constants=None):
    return tf.one_hot(tokens, 6), state


class Model:
    def step(self, tokens: Any, state: Any, constants: Any) -> tuple[Any, Any, Any]:
        return constants, state, constants

    def __call__(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        return tf.one_hot(tokens, 6), state


result = generate(step, (), START, max_length=6, strategy=Greedy(), end_token=5)
generate(typed_step, (), START, max_length=6, strategy=Greedy())
generate(keeping, (), START, max_length=6, strategy=Beam(3)).kept["attention"]
generate(Model(), (), START, max_length=6, strategy=Greedy())
generate(
    lambda tokens, state: (tf.one_hot(tokens, 6), state),
    {"h": np.zeros((2, 4))},
    [0, 3],
    max_length=np.array([3, 5]),
    strategy=Sample(),
    seed=np.array([1, 2]),
    end_token=np.int64(5),
)
generate(
    with_constants,
    [],
    tf.constant([0, 3]),
    max_length=tf.constant(4),
    strategy=Beam(2, length_penalty=0.6),
    constants={"logits": np.zeros((2, 6), "float32")},
    constraint=NoRepeatedNgrams(2),
)
generate(
    with_or_without, (), START, max_length=2, strategy=Greedy(), constants=np.ones(2)
)
generate(with_or_without, (), START, max_length=2, strategy=Greedy(), seed=None)
generate(
    Model().step, (), START, max_length=2, strategy=Greedy(), constants=(START, START)
)
generate(
    functools.partial(keeping, state=()),
    (),
    START,
    max_length=6,
    strategy=Greedy(),
    seed=tf.constant(3),
)

ids, lengths, log_probs, finished, kept, scores = result
whole: Generation = result
print(result.ids.numpy()[0], result.scores.numpy(), result.kept is None)

# Strategies: a number, or one for each row.
Sample(temperature=0.5)
Sample(1, top_k=5, top_p=0.9)
Sample(temperature=np.array([0.5, 1.0]), top_k=np.array([2, 3]), top_p=None)
Sample(temperature=tf.constant([0.5, 1.0]), top_k=tf.constant(4))
Sample(np.float32(0.5), np.int64(3), np.float64(0.9))
Beam(4)
Beam(4, max_width=6, length_penalty=1, coverage_penalty=0.2)
Beam(width=tf.constant([1, 3]), max_width=3, length_penalty=np.array([0.0, 1.0]))
Beam(
    np.array([2, 3]),
    max_width=np.int64(3),
    coverage=lambda kept: kept["attention"],
    coverage_mask=np.ones((2, 4), bool),
)
Beam(4, groups=2, diversity_penalty=np.array([0.5, 1.0]))
Beam(3, coverage_mask=[[True, False], [True, True]], coverage=None)
print(Beam(3).max_width + 1, Greedy().next_token(np.eye(2), None))
Contrastive()
Contrastive(5, 0.6, window=64)
Contrastive(
    top_k=np.array([2, 4]),
    degeneration_penalty=tf.constant([0.5, 0.6]),
    max_top_k=8,
    hidden=lambda keep: keep["hidden"],
    past=lambda constants: (constants["past"], None),
)
generate(keeping, (), START, max_length=6, strategy=Contrastive(4))
strategies: list[Strategy | Beam] = [Greedy(), Sample(0.7), Beam(2)]


class Worst(Strategy):
    def next_token(self, logits, uniform):
        return keras.ops.argmin(logits, axis=-1)


generate(step, (), START, max_length=2, strategy=Worst())
for one in strategies:
    generate(step, (), START, max_length=2, strategy=one)


# Constraints.
class Rising(Constraint):
    def initial_state(self, start_tokens, max_length):
        return start_tokens

    def allowed(self, state, vocabulary_size):
        return tf.range(vocabulary_size) > tf.expand_dims(state, -1)

    def next_state(self, state, tokens):
        return tokens


pairs = Automaton([[0, 1, -1], [-1, -1, 0]], start=0)
dates = Automaton.of([[1, 2, 3], (4, 3)], 5, end_token=0)
print(dates.transitions.shape)
constraints: list[Constraint | None] = [
    None,
    Rising(),
    pairs,
    dates,
    Automaton(np.zeros((2, 5), int), start=np.array([0, 1])),
    ForbiddenTokens([0, 3]),
    ForbiddenTokens(np.array([0, 3])),
    ForbiddenTokens(range(3)),
    ForcedPrefix([0, 1]),
    ForcedPrefix([[0, 1], [1, -1]]),
    ForcedPrefix(np.array([[0, 1], [1, -1]])),
    NoRepeatedNgrams(np.int64(2)),
    AllOf(),
    AllOf(ForbiddenTokens([0]), NoRepeatedNgrams(3), Rising()),
]
for constraint in constraints:
    generate(step, (), START, max_length=4, strategy=Beam(2), constraint=constraint)

# Stacks of layers, scheduled sampling.
stepper = Stepper(
    [
        keras.layers.Embedding(10, 4),
        keras.layers.LSTM(8, return_sequences=True, return_state=True),
        keras.layers.Dense(10),
    ]
)
logits, state = stepper.read(np.array([[1, 2, 3]]), mask=np.ones((1, 3), bool))
logits, state = stepper.read(np.array([[1, 2, 3]]), initial_state=state)
logits, state = stepper.step(np.array([4]), state)
generate(stepper.step, state, START, max_length=3, strategy=Sample(0.8), seed=1)
generate(stepper.step, stepper.initial_state(2), START, max_length=3, strategy=Sample())
p = sampling_probability(np.array([0, 100]), "linear", k=1.0, slope=0.001)
p = sampling_probability(3, "linear", k=1, slope=0.001, least_gold=0.25)
p = sampling_probability(tf.constant(3), "exponential", k=0.99)
p = sampling_probability(keras.Variable(3), "inverse_sigmoid", k=2000, slope=None)
mixed = mix_with_predictions(
    step, (), np.array([[3, 3]]), start_tokens=np.array([0]), probability=p
)
mixed = mix_with_predictions(
    Model().step,
    (),
    [[3, 3]],
    start_tokens=[0],
    probability=0.5,
    seed=tf.constant(1),
    strategy=Greedy(),
    constants=np.zeros((1, 3)),
)


# diagnostics: numbers.
model = keras.Sequential(
    [keras.Input((None, 3)), keras.layers.LSTM(4, name="reader"), keras.layers.Dense(1)]
)
x, y = np.ones((2, 5, 3), "float32"), np.ones((2, 1), "float32")
activities = gate_activity(model, x, layers=["reader"], batch_size=1)
activity: GateActivity = activities["reader"]
cell: np.ndarray = activity.values["cell"]
shut, opened = activity.saturation(low=0.2, high=0.8)["forget"]
print(
    cell.shape, shut.mean(), opened[0], activity.half_life().max(), activity.mask.all()
)
flows = gradient_flow(model, x, y, loss=keras.losses.mean_squared_error)
flow: GradientFlow = flows["reader"]
gradient_flow(model, x, y, loss=keras.losses.MeanSquaredError(), training=True)
gradient_flow(
    model,
    x,
    y,
    loss=lambda y, output: (y[:, -1] - output[:, -1]) ** 2,
    layers=("reader",),
)
gradient_flow(model, {"a": x}, [y], sample_weight=np.ones(2), layers=None)
print(
    flow.norms("cell").max(), flow.by_distance()[0], 1 + flow.factor(), flow.reach() + 1
)
for known in flow.gradients:
    print(flow.norms(known), flow.reach(share=0.5, state=known))
follow = FlowFunction(model, loss=keras.losses.mean_squared_error, layers=["reader"])
print(follow(x, y)["reader"].factor())
jacobians = state_jacobians(model, x[:1], layer="reader")
print(jacobians.jacobians["hidden"].shape, jacobians.spectral_norms("cell")[-1])
weights: np.ndarray = attention_map(model, [x, x])["decoder/attention"]
print(attention_entropy([[1.0, 0.0], [0.5, 0.5]], source_mask=[True, True]).round(3))
print(attention_coverage(np.eye(3), np.ones(3, bool)).tolist())
agreement: AlignmentAgreement = alignment_agreement(
    [[[0.8, 0.2], [0.1, 0.7]], np.eye(2)], [{(0, 0)}, {(1, 1)}], threshold=0.5
)
error_rate, precision, recall, pointing = agreement
alignment_agreement([weights], [[(0, 0), (1, 1)]], [[]])

# diagnostics: while a model trains.
monitors: list[keras.callbacks.Callback] = [
    GateMonitor(x, layers=["reader"], every=2, filename="gates.csv", batch_size=8),
    GradientFlowMonitor(
        x, y, loss=keras.losses.mean_squared_error, log_dir=Path("logs")
    ),
    ClippingMonitor(),
    ClippingMonitor(filename=Path("clipping.csv")),
]
model.fit(x, y, callbacks=monitors)
for row in GateMonitor(x).history:
    print(row["epochs"] + 1, row["gate"], row["half_life"])

# diagnostics: texts.
characters = CharacterVocabulary("ab \n")
read = text_activity(
    model, ["ab", "b"], vocabulary=characters, value="hidden", start=None
)
print(read.pieces[0][0], read.values[0].shape, read.by_character)
scores_of = find_units(
    model,
    ("aba", "b"),
    {"place": line_position, "quoted": inside_quotes, "long": lambda text: [len(text)]},
    vocabulary=characters,
    inputs=lambda ids: {"ids": ids},
)
best: np.ndarray = scores_of["place"].best(2)
print(
    scores_of["place"].baselines["position in the text"] + 0.5, str(scores_of["place"])
)
tracked = unit_scores(read.values, [inside_brackets("(a)"), [1, 2]], pieces=read.pieces)
print(tracked.held_out.max(), tracked.counts[0] + tracked.counts[1])
shown = unit_text(model, "a b", best[0], vocabulary=characters, layer="reader")
shown = UnitText("abc", [0.1, 0.2, -1.0], title="unit 7")
shown = UnitText(["a", "word"], np.zeros(2), "", True)
print(shown.html(limit=1).upper(), shown.pieces[0], shown.values.max())
write_lstmvis("ab", {"hidden": cell}, np.array([[0, 2]]), ["a", " ", "b"])
write_lstmvis(
    Path("ab"),
    activity.values,
    [[0, 2], [1, 1]],
    characters,
    mask=activity.mask,
    name="ab",
)
written: Path = write_lstmvis(
    "ab", {"h": cell}, [0, 1], {0: "a", 1: "b"}, overwrite=True
)

# diagnostics: pictures.
figures: list[Figure] = [
    shown.figure(columns=40),
    plot_attention(np.eye(2), ["le", "chat"], ("the", "cat"), title="a pair"),
    plot_gates({"forget": np.ones((5, 8))}, "C D E", units=[0, 3]),
    plot_gates({"cell": [[0.1, 0.2]]}, ["a"], units=np.array([0]), title=None),
    plot_gradient_flow(flows, state="cell"),
    plot_gradient_flow({"halved": 0.5 ** np.arange(50), "of one": flow}),
    plot_saturation(activity, low=0.2, title="reader"),
    plot_image_attention(np.ones((8, 8, 3)), np.eye(4).reshape(4, 2, 2), list("abcd")),
    plot_unrolled(
        ["I", "love"], np.zeros((2, 4)), ["love", "you"], initial_state=[0.0] * 4
    ),
]
for figure in figures:
    figure.savefig("figure.png")
    plt.close(figure)
print(drawable("été") and not drawable("日本"))
