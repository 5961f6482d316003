"""Documented calls of text, music, serving, training and runs: they must pass."""

import dataclasses
import random
import tempfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import keras_seq
from keras_seq.layers import (
    BahdanauDecoder,
    EncoderDecoder,
    ExplicitGRU,
    ExplicitLSTM,
    RecurrentLanguageModel,
)
from keras_seq.music import (
    HeaderStyle,
    Neighbour,
    NeighbourIndex,
    TuneGrammar,
    TuneWriter,
    WrittenTune,
    compare_as_music,
    measure_tune,
    to_document,
)
from keras_seq.runs import (
    Progress,
    Report,
    RunDirectory,
    RunSettings,
    answer_lines,
    check_one_given,
    check_settings,
    command_line,
    plot_bars,
    plot_history,
    quoted_text,
)
from keras_seq.serving import Signature, export, model_signatures, row_signature
from keras_seq.text import (
    CharacterVocabulary,
    Cider,
    NgramHasher,
    SubwordVocabulary,
    TextPredictor,
    Translation,
    Translator,
    Vocabulary,
    WordVocabulary,
    mark_lines_tensor,
    normalise,
    normalise_tensor,
    split_words_tensor,
    translation_signatures,
)
from keras_seq.training import (
    EpochCheckpoint,
    InverseSquareRootDecay,
    KneserNeyModel,
    NgramModel,
    Perplexity,
    SequenceCrossEntropy,
    TokenAccuracy,
    TokenNats,
    WarmUp,
    assign_folds,
    batches_by_length,
    batches_by_tokens,
    next_token_dataset,
    pad,
    pair_batches,
    pair_dataset,
    stream_batches,
    stream_dataset,
    stream_steps,
    warmed_up_cosine,
)

# training: batches of lists, tuples and arrays.
documents = [[1, 7, 8, 2], [1, 9, 2]]
padded: np.ndarray = pad(documents)
pad([np.array([1, 2]), (3,)], value=5)
batches: list[np.ndarray] = batches_by_length([3, 9, 4, 8], 2)
batches_by_length(np.array([3, 9, 4, 8]), 2, seed=1, epoch=3, spread=0.2)
batches_by_tokens([[3, 4], [9, 9], [4, 3]], 24)
batches_by_tokens([(3, 4), (9, 9)], count=2, seed=None)
pairs = [([5, 6, 7], [1, 8, 2])]
inputs, targets, weights = next(pair_batches(pairs, 5))
inputs["source"].tolist()
pair_dataset(lambda epoch: pairs, count=1, seed=1, first_epoch=0).take(1)
next_token_dataset(documents, 2).take(1)
next_token_dataset(lambda epoch: documents, 2, seed=1, first_epoch=0).take(1)
steps: int = stream_steps(documents, batch_size=2, window=2)
for x, y, weight in stream_batches(documents, 2, 2, seed=1, start=None):
    print(x.tolist(), y.shape, weight.dtype)
stream_dataset(documents, 2, 2, seed=1, first_epoch=0, fresh=0.1)
assign_folds(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 3]), 2, seed=1).shape

# training: losses, metrics, schedules.
loss = SequenceCrossEntropy(label_smoothing=0.1, mask_id=None, dtype="float64")
loss = SequenceCrossEntropy()
logits = np.zeros((1, 2, 4), "float32")
loss([[1, 0]], logits)
loss(np.array([[1, 0]]), tf.constant(logits), sample_weight=np.ones((1, 2)))
for metric in (TokenNats(), TokenAccuracy(name="share"), Perplexity(mask_id=None)):
    metric.update_state([[1, 0]], logits)
    float(metric.result())
rate = InverseSquareRootDecay(1e-3, 400)
linear = keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.0)
WarmUp(linear, 10)(3)
WarmUp(warmed_up_cosine(1e-3, 1000, 100, first=0.0), 10, name="twice")
ngrams: NgramModel = NgramModel(2, vocabulary_size=3).fit(["abab"])
smoothed: KneserNeyModel = KneserNeyModel(3, 9).fit(documents)
total: float = sum(ngrams.nats("abab")) + smoothed.probability(7, [1])

# training: a checkpoint passes Keras's `fit` arguments on.
folder = tempfile.mkdtemp()
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("adam", "mse")
ones = np.ones((8, 1), "float32")
checkpoint = EpochCheckpoint(
    Path(folder) / "checkpoints", monitor="loss", patience=3, seconds=60.5
)
checkpoint.fit(model, ones, ones, epochs=2, verbose=0)
checkpoint.fit(
    model,
    x=ones,
    y=ones,
    epochs=3,
    callbacks=[keras.callbacks.TerminateOnNaN()],
    validation_data=(ones, ones),
    batch_size=4,
    shuffle=False,
    verbose=0,
)
losses: list[float] = [row["loss"] for row in checkpoint.history]
first: int = checkpoint.first_epoch


# runs: the command line of a dataclass, a run directory, a report.
@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(RunSettings):
    """Settings."""

    out: str = "runs/mine"
    units: int = 128


def main(config: Config) -> None:
    """Trains."""
    print(config.units)


answer_lines(["a b"], lambda lines: [{"words": len(line.split())} for line in lines])
answer_lines(range(3), lambda rows: [{"row": r} for r in rows], numbers=[2, 4, 5])
quoted_text(("12th of March",))
check_one_given("a text", "file", True, False)
command_line(Config, main, {"evaluate": lambda run: None}, ["--units", "8"])
check_settings(Config(units=3), at_least_1=["units"], shares=())
run = RunDirectory.start(f"{folder}/run", Config(), results=("tunes",))
kept: Config = run.read_config(Config)
path: Path = run.write_json("metrics.json", {"loss": np.float32(1.5)})
history = [{"epoch": 1, "loss": 2.5}]
run.save_figure(plot_history(history, {"loss": "a"}, ylabel="nats"), "h")
run.save_figure(plot_bars([("a row", [("age", 0.7), ("size", -1)])], "nats"), "bars")
report = Report("A run")
report.heading("Figures")
report.heading("More", level=3)
report.table([["", "test"], ["loss", 1.0312], ("none", None)])
report.picture(run / "figures/h.png", "History", scroll=True)
report.serving("mine", "Text in, text out.")
run.write("report.html", report.html())
progress = Progress("counting")
progress(0, 0)

# text: vocabularies.
texts = ["low lower lowest", "new newer newest"]
characters: CharacterVocabulary = CharacterVocabulary.fit(texts, min_count=2)
words: WordVocabulary = WordVocabulary.fit(texts, size=None, lowercase=True)
subwords: SubwordVocabulary = SubwordVocabulary.fit(texts, size=280, model="unigram")
vocabularies: list[Vocabulary] = [characters, words, subwords]
ids: list[int] = subwords.encode("newer")
subwords.encode_sampled("newer", 1, alpha=0.2)
subwords.encode_sampled("newer", random.Random(1), dropout=None, alpha=0.2)
words.decode(np.array([4, 5]))
batch, lengths = words.encode_tensor(tf.constant(texts))
characters.decode_tensor(*characters.encode_tensor(texts))
same: Vocabulary = Vocabulary.from_config(words.to_config())
again: WordVocabulary = WordVocabulary.from_config(words.to_config())
spelled: str = normalise("ﬁn ２", form="NFKC")
normalise_tensor([" A\t\tB "], form=None, casefold=True)
mark_lines_tensor([b"a\n b"])
found = NgramHasher("words", (1, 2), 1000)(split_words_tensor(texts))
row, number = found.row, found.id
Cider([["a cat", "the cat"], ["a dog"]]).scores(["a cat", "a bird"]).round(2)

# text: what a trained model does.
vocabulary = CharacterVocabulary("abc")
translating = EncoderDecoder(
    ExplicitGRU(8, return_sequences=True),
    BahdanauDecoder(8, 6),
    len(vocabulary),
    source_vocabulary=len(vocabulary),
    dim=4,
)
translator = Translator(translating, vocabulary, vocabulary, longest_source=None)
answers: list[list[Translation]] = translator.translate(
    ("abc", "a"), width=3, n_best=2, length_penalty=1, progress=lambda done, total: None
)
text: str = answers[0][0].text
nats, tokens = translator.score(["abc"], ["cb"])
read, written, alignment = translator.attention("abc", "cb")
signatures: dict[str, Signature] = translation_signatures(translator, width=2)
language = RecurrentLanguageModel(len(words), dim=4, units=4)
predictor = TextPredictor(language, words)
[next_words] = predictor.predict(["low"], count=2)
likeliest: list[str] = next_words.words
continued: list[str] = predictor.continue_texts(["low"], words=4, temperature=1, seed=1)
each: list[np.ndarray] = predictor.nats(texts, progress=Progress("judging"))

# music.
tunes = CharacterVocabulary("ABCDEFG|:/236TMLK\n")
symbols = keras.Input((None,), dtype="int32")
h = keras.layers.Embedding(len(tunes), 4)(symbols)
h, *_ = ExplicitLSTM(8, return_sequences=True, return_state=True)(h)
writer = TuneWriter(
    keras.Model(symbols, keras.layers.Dense(len(tunes))(h)),
    tunes,
    HeaderStyle.fit([to_document("X:1\nT:A\nM:C\nL:1/8\nK:D\nDFA|\n")]),
)
made: list[WrittenTune] = writer.write(2, given={"K": "D"}, temperature=1, max_length=9)
finished: bool = made[0].finished
rules = TuneGrammar(CharacterVocabulary("TMLK:ABCDEFG|/1234 \n"))
still: int = rules.check("T:A\nM:C\n")
each_still: list[int] = rules.check_all(["T:A\n"])
key_of_rules: str = rules.spell("K", "DMAJ")
strict_writer = TuneWriter(writer.model, rules.vocabulary, grammar=rules)
judged: list[np.ndarray] = strict_writer.nats(["T:A\n"], in_grammar=True)
neighbour: Neighbour = NeighbourIndex([(2, 2, 1)], ["A"], n=2).nearest(made[0].text)
compared: dict[str, dict[str, float | None]] = compare_as_music([made[0].text], [])
leaps: float | None = measure_tune("X:1\nK:D\nDFA|").figures["leaps"]

# serving.
shout = Signature(
    lambda text: {"loud": tf.strings.upper(text)},
    {"text": tf.TensorSpec([None], tf.string)},
    notes={"text": "UTF-8"},
)
exported = export(
    [],
    Path(folder) / "saved_model",
    {"serving_default": shout},
    warmup={"serving_default": [{"text": ["a", "b"]}]},
    model_card={"name": "shout", "metrics": {"loss": 1.5}},
    version=2,
)
operations: tuple[str, ...] = exported.ops
row = keras.Input((3,), name="row")
scores = keras.Model(row, keras.layers.Dense(2)(row))
export(scores, Path(folder) / "inferred", examples={"row": [[1, 2, 3]]})
inferred: dict[str, Signature] = model_signatures(scores, rows=8, limits={})
row_signature(
    lambda text: {"bytes": tf.strings.length(text)},
    "Counts bytes.",
    ["bytes"],
    {"text": "UTF-8", "bytes": "their number"},
    text=tf.string,
)


# rooms, after `import keras_seq` alone
keras_seq.layers.ExplicitLSTM(3, return_gates=True)
keras_seq.decoding.Greedy()
