"""Mistakes in calls of decoding, diagnostics and vision: a checker finds each."""

from typing import Any

import keras
import numpy as np

from keras_seq.decoding import (
    AllOf,
    Automaton,
    Beam,
    Contrastive,
    ForbiddenTokens,
    ForcedPrefix,
    FrequencyPenalty,
    Greedy,
    LogitBias,
    MinP,
    NoRepeatedNgrams,
    RepetitionPenalty,
    Sample,
    Stepper,
    Strategy,
    Typical,
    generate,
    mix_with_predictions,
    sampling_probability,
    stream,
)
from keras_seq.diagnostics import (
    ClippingMonitor,
    FlowFunction,
    GateMonitor,
    GradientFlowMonitor,
    UnitText,
    alignment_agreement,
    attention_entropy,
    drawable,
    find_units,
    gate_activity,
    gradient_flow,
    plot_attention,
    plot_gates,
    plot_gradient_flow,
    plot_saturation,
    plot_unrolled,
    state_jacobians,
    text_activity,
    unit_text,
    write_lstmvis,
)
from keras_seq.text import CharacterVocabulary
from keras_seq.vision import (
    Captioner,
    GridExtractor,
    cache_grids,
    caption_signatures,
    decode_images,
    grid_model,
    load_image,
    read_captions,
)

START = np.array([0, 3])


def step(tokens: Any, state: Any) -> tuple[Any, Any]:
    return tokens, state


def logits_alone(tokens: Any, state: Any) -> np.ndarray:
    return np.zeros((2, 3))


def with_constants(tokens: Any, state: Any, constants: Any) -> tuple[Any, Any]:
    return constants, state


# generate
generate(step, (), START, max_length="20", strategy=Greedy())  # wrong: a string
generate(step, (), START, max_length=2.5, strategy=Greedy())  # wrong: no integer
generate(step, (), START, max_length=[2, 3], strategy=Greedy())  # wrong: a list
generate(step, (), START, max_length=None, strategy=Greedy())  # wrong: None
generate(step, (), START, max_length=2, strategy="greedy")  # wrong: a string
generate(step, (), START, max_length=2, strategy=Greedy)  # wrong: the class
generate(step, (), START, max_length=2, strategy=None)  # wrong: None
generate(step, (), START, max_length=2)  # wrong: no strategy
generate(step, (), START, strategy=Greedy())  # wrong: no length
generate(step, (), START, 20, strategy=Greedy())  # wrong: a keyword is needed
generate(step, (), START, max_length=2, strategy=Greedy(), seed="x")  # wrong: a string
generate(
    step, (), START, max_length=2, strategy=Greedy(), seed=1.5
)  # wrong: no integer
generate(
    step, (), START, max_length=2, strategy=Greedy(), end_token=["5"]
)  # wrong: strings
generate(
    step, (), START, max_length=2, strategy=Greedy(), min_length="5"
)  # wrong: a string
generate(
    step, (), START, max_length=2, strategy=Greedy(), stop_sequences=[1, 2]
)  # wrong: no sequences
generate(
    step, (), START, max_length=2, strategy=Greedy(), logits_processor=MinP
)  # wrong: the class
generate(
    step, (), START, max_length=2, strategy=Greedy(), logits_processor=Greedy()
)  # wrong: no processor
MinP("0.1")  # wrong: a string
MinP()  # wrong: no number
Typical(None)  # wrong: None
FrequencyPenalty(penalty="0.1")  # wrong: a string
RepetitionPenalty(1.2, prompt="ab")  # wrong: no ids
LogitBias({"a": 1.0})  # wrong: no id
LogitBias({1: "a"})  # wrong: no number
generate(
    step, (), START, max_length=2, strategy=Greedy(), end_token="5"
)  # wrong: a string
generate(
    step, (), START, max_length=2, strategy=Greedy(), stop=5
)  # wrong: unknown keyword
generate(step, (), "ab", max_length=2, strategy=Greedy())  # wrong: no ids
generate(step, (), 3, max_length=2, strategy=Greedy())  # wrong: no rows
generate(step, (), [0.5], max_length=2, strategy=Greedy())  # wrong: no integers
generate(
    step, (), START, max_length=2, strategy=Greedy(), constraint="no repeats"
)  # wrong: a string
generate(
    step, (), START, max_length=2, strategy=Greedy(), constraint=NoRepeatedNgrams
)  # wrong: the class
generate(logits_alone, (), START, max_length=2, strategy=Greedy())  # wrong: no state
generate(
    lambda tokens: (tokens, ()), (), START, max_length=2, strategy=Greedy()
)  # wrong: one argument
generate(
    with_constants, (), START, max_length=2, strategy=Greedy()
)  # wrong: no constants
generate(
    step, (), START, max_length=2, strategy=Greedy(), constants=START
)  # wrong: step takes none
generate("step", (), START, max_length=2, strategy=Greedy())  # wrong: no function
result = generate(step, (), START, max_length=2, strategy=Beam(2))
ids, lengths = result  # wrong: two of six
ids, lengths, log_probs, finished, kept, scores, more = result  # wrong: seven of six
(only,) = generate(
    step, (), START, max_length=2, strategy=Greedy(), return_reasons=True
)  # wrong: one of two
print(result.tokens)  # wrong: no such attribute
print(result["ids"])  # wrong: not a dict

# stream
stream(step, (), START, max_length=2, strategy=Beam(2))  # wrong: a beam
stream(step, (), START, max_length=2, strategy=Greedy(), block="8")  # wrong: a string
stream(step, (), START, max_length=2, strategy=Greedy()).ids  # wrong: an iterator
stream(step, (), START, strategy=Greedy())  # wrong: no length

# Strategies
Sample(temprature=1.0)  # wrong: misspelt
Sample(temperature="hot")  # wrong: a string
Sample(temperature=[0.5, 1.0])  # wrong: a list
Sample(temperature=None)  # wrong: None
Sample(top_k="5")  # wrong: a string
Sample(top_k=2.5)  # wrong: no integer
Sample(top_p="0.9")  # wrong: a string
Greedy(0.5)  # wrong: it takes nothing
Contrastive("4")  # wrong: a string
Contrastive(4, None)  # wrong: None
Contrastive(np.array([1, 3]))  # wrong: no max_top_k
Contrastive(4, 0.6, past=np.ones((1, 2, 3)))  # wrong: no function
Contrastive(4, window=2.5)  # wrong: no integer
Beam()  # wrong: no width
Beam("3")  # wrong: a string
Beam(2.5)  # wrong: no integer
Beam(None)  # wrong: None
Beam(np.array([1, 3]))  # wrong: no max_width
Beam(3, 0.6)  # wrong: a keyword is needed
Beam(3, length_penalty="0.6")  # wrong: a string
Beam(3, coverage=0.2)  # wrong: no function
Beam(3, coverage_mask=True)  # wrong: no array
Beam(3, alpha=0.6)  # wrong: unknown keyword
Strategy()  # wrong: abstract
print(Sample().heat)  # wrong: no such attribute

# Constraints
ForbiddenTokens("ab")  # wrong: a string
ForbiddenTokens(3)  # wrong: no list
ForbiddenTokens([0.5])  # wrong: no integers
ForcedPrefix([["a"]])  # wrong: strings
NoRepeatedNgrams("2")  # wrong: a string
NoRepeatedNgrams(2.0)  # wrong: no integer
AllOf([NoRepeatedNgrams(2)])  # wrong: a list
AllOf(Greedy())  # wrong: no constraint
Automaton([[0, 1]], 0)  # wrong: a keyword is needed
Automaton([0, 1])  # wrong: one axis
Automaton([[0, 1]], start="0")  # wrong: a string
Automaton.of([[1, 2]], 5)  # wrong: no end token
Automaton.of(["ab"], 5, end_token=0)  # wrong: strings

# Stacks of layers, scheduled sampling
stepper = Stepper([keras.layers.Dense(10)])
logits, state, more = stepper.step(
    START, stepper.initial_state(2)
)  # wrong: three of two
stepper.initial_state("2")  # wrong: a string
stepper.read(START, masks=START)  # wrong: unknown keyword
Stepper(3)  # wrong: no layers
sampling_probability(3, "cubic", k=1.0)  # wrong: no such schedule
sampling_probability(3, "linear", k=1.0)  # wrong: no slope
sampling_probability(3, "exponential", k=0.9, slope=0.1)  # wrong: it has no slope
sampling_probability(3, "exponential", 0.9)  # wrong: a keyword is needed
mix_with_predictions(
    step, (), [[1]], start_tokens=[0], probability="0.5"
)  # wrong: a string
mix_with_predictions(
    step, (), [[1]], start_tokens=[0], probability=0.5, strategy=Beam(2)
)  # wrong: no Strategy
mix_with_predictions(
    step, (), [[1]], [0], probability=0.5
)  # wrong: a keyword is needed
mix_with_predictions(
    with_constants, (), [[1]], start_tokens=[0], probability=0.5
)  # wrong: no constants

# diagnostics
model = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(4, name="reader")])
x = np.ones((2, 5, 3))
gate_activity(model, x)["reader"].value  # wrong: no such attribute
gate_activity(model, x).values["cell"]  # wrong: a dict by layer
gate_activity(model, x, layers="reader")  # wrong: names in a list
gate_activity(model, x, layer="reader")  # wrong: unknown keyword
gate_activity(model, x, batch_size="8")  # wrong: a string
gate_activity(model)  # wrong: no input
gate_activity(model, x)["reader"].saturation("0.1")  # wrong: a string
gradient_flow(model, x)  # wrong: no y
gradient_flow(model, x, x, loss="mse")  # wrong: no function
gradient_flow(model, x, x, lose=None)  # wrong: unknown keyword
gradient_flow(model, x, x, lambda y, output: output)  # wrong: a keyword is needed
gradient_flow(model, x, x, loss=lambda y: y)  # wrong: one argument
gradient_flow(model, x, x)["reader"].norms(0)  # wrong: no name
gradient_flow(model, x, x)["reader"].reach("cell")  # wrong: a share first
gradient_flow(model, x, x, layers="reader")  # wrong: names in a list
FlowFunction(model, "mse")  # wrong: a keyword is needed
state_jacobians(model, x, layer=["reader"])  # wrong: a list
GateMonitor(x, evry=2)  # wrong: misspelt
GateMonitor(x, every="2")  # wrong: a string
GateMonitor(x, "gates.csv")  # wrong: a keyword is needed
GateMonitor(x, layers="reader")  # wrong: names in a list
GradientFlowMonitor(x)  # wrong: no y
GradientFlowMonitor(x, x, loss="mse")  # wrong: no function
GradientFlowMonitor(x, x, batch_size=3)  # wrong: unknown keyword
ClippingMonitor(every=2)  # wrong: unknown keyword
ClippingMonitor(3)  # wrong: no path
attention_entropy("weights")  # wrong: a string
error_rate, precision = alignment_agreement([x], [{(0, 0)}])  # wrong: two of four
alignment_agreement([x], [{0}])  # wrong: no pairs
alignment_agreement([x], [{(0, 0)}], 0.5)  # wrong: a keyword is needed
vocabulary = CharacterVocabulary("ab")
text_activity(model, ["ab"])  # wrong: no vocabulary
text_activity(model, ["ab"], vocabulary="ab")  # wrong: a string
text_activity(model, ["ab"], vocabulary=vocabulary, start="1")  # wrong: a string
unit_text(model, "ab", "7", vocabulary=vocabulary)  # wrong: a string
unit_text(model, ["ab"], 7, vocabulary=vocabulary)  # wrong: a list
UnitText("ab", "cd")  # wrong: no numbers
UnitText("ab", [0.1, 0.2]).html(1.0)  # wrong: a keyword is needed
find_units(model, ["ab"], [len], vocabulary=vocabulary)  # wrong: no dict
write_lstmvis("ab", x, [0, 1], ["a", "b"])  # wrong: no dict
write_lstmvis("ab", {"h": x}, ["a"], ["a", "b"])  # wrong: no ids
plot_attention(x, 3, ["a"])  # wrong: no strings
plot_attention(x, ["a"], ["a"], "title")  # wrong: a keyword is needed
plot_attention(x, ["a"], ["a"]).save("a.png")  # wrong: no such method
plot_gates(x, "abc")  # wrong: no dict
plot_gates({"cell": x}, "abc", units="all")  # wrong: a string
plot_gradient_flow(x)  # wrong: no dict
plot_saturation(gate_activity(model, x))  # wrong: a dict by layer
plot_unrolled(["a"], "states")  # wrong: a string
drawable(3)  # wrong: no string

# vision
GridExtractor(size=4)  # wrong: no pair
GridExtractor(size="4x4")  # wrong: a string
GridExtractor(pixel="0..1")  # wrong: misspelt
grid, size, more = grid_model("MobileNetV3Small")  # wrong: three of two
grid_model("MobileNetV3Small", weight=None)  # wrong: misspelt


def with_captioner(captioner: Captioner) -> None:
    caption_signatures(captioner, width="5")  # wrong: a string
    captioner.caption([b""], widht=3)  # wrong: misspelt
    captioner.caption(["a.png"])  # wrong: no contents
    captioner.caption([b""])[0].text  # wrong: a list
    captioner.score([x], 3)  # wrong: no captions


read_captions(3)  # wrong: no path
read_captions("a", progress=3)  # wrong: no function
read_captions("a").image  # wrong: no such attribute
cache_grids(["a.png"], GridExtractor())  # wrong: no dict
decode_images(x, 3)  # wrong: no pair
decode_images([b""], (3, 4))  # wrong: no tensor
load_image(b"")  # wrong: the content
