"""Mistakes in calls of text, music, serving, training and runs.

A type checker must find each of them.
"""

import keras
import numpy as np

import keras_seq
from keras_seq.layers import EncoderDecoder, RecurrentLanguageModel
from keras_seq.music import HeaderStyle, TuneWriter, transpose
from keras_seq.runs import (
    Progress,
    Report,
    RunDirectory,
    RunSettings,
    answer_lines,
    check_one_given,
    command_line,
    plot_bars,
    quoted_text,
)
from keras_seq.serving import (
    ExportReport,
    Signature,
    check,
    export,
    model_signatures,
)
from keras_seq.text import (
    CharacterVocabulary,
    NgramHasher,
    SubwordVocabulary,
    TextPredictor,
    Translator,
    WordVocabulary,
    normalise,
    read_lines,
    read_vectors,
    split_words_tensor,
)
from keras_seq.training import (
    EpochCheckpoint,
    InverseSquareRootDecay,
    NgramModel,
    SequenceCrossEntropy,
    TokenNats,
    batches_by_length,
    next_token_dataset,
    pad,
    pair_batches,
    stream_batches,
    stream_steps,
    warmed_up_cosine,
)

documents = [[1, 7, 8, 2], [1, 9, 2]]
texts = ["low lower", "new newer"]
ones = np.ones((8, 1), "float32")


def calls(
    model: keras.Model,
    translating: EncoderDecoder,
    language: RecurrentLanguageModel,
    words: WordVocabulary,
    subwords: SubwordVocabulary,
    translator: Translator,
    predictor: TextPredictor,
    writer: TuneWriter,
    checkpoint: EpochCheckpoint,
    run: RunDirectory,
    report: Report,
    signature: Signature,
) -> None:
    """Each line that is marked holds a mistake."""
    # training
    pad(["abc"])  # wrong: strings are no ids
    pad(documents, "0")  # wrong: a number fills the rest
    batches_by_length([3, 9], "2")  # wrong: a string
    batches_by_length([3, 9], 2, shuffle=True)  # wrong: an unknown keyword
    _source, _target = next(pair_batches([([5], [1, 2])], 5))  # wrong: three come
    next_token_dataset(lambda epoch: documents, 2)  # wrong: it needs `first_epoch`
    stream_steps(documents, 2, 2.5)  # wrong: no integer
    stream_batches(documents, 2)  # wrong: no window
    SequenceCrossEntropy(0.1)  # wrong: by name only
    SequenceCrossEntropy(label_smoothing="0.1")  # wrong: a string
    TokenNats(mask_id="pad")  # wrong: an id
    InverseSquareRootDecay(1e-3, 400.0)  # wrong: no integer
    warmed_up_cosine(1e-3, 1000, 100, 0.0)  # wrong: by name only
    NgramModel("2", 3)  # wrong: a string
    EpochCheckpoint("here", mode="lower")  # wrong: min or max
    EpochCheckpoint("here", patience="3")  # wrong: a string
    checkpoint.fit(model, ones, ones)  # wrong: no epochs
    checkpoint.fit(model, ones, ones, epochs=2, batchsize=4)  # wrong: batch_size
    checkpoint.fit(model, ones, ones, epochs=2, initial_epoch=1)  # wrong: it knows
    checkpoint.history[0]["loss"].upper()  # wrong: a number

    # runs
    answer_lines(["a"], len)  # wrong: an answer is a dict for each line
    answer_lines(["a"], lambda lines: [{}], out=3)  # wrong: no file
    quoted_text([1])  # wrong: no words
    check_one_given("a text", "file", None)  # wrong: not whether
    read_lines(b"a.txt", 3)  # wrong: neither is a string
    command_line(RunSettings, print, ["evaluate"])  # wrong: no dict of verbs
    command_line(dict, print, {})  # wrong: no dataclass
    RunDirectory.start("here", {"units": 8})  # wrong: no dataclass
    run.write_json({"loss": 1.5})  # wrong: no name
    (run / "a.txt").write_txt("")  # wrong: write_text
    report.heading("Figures", level=4)  # wrong: 2 or 3
    report.table([1, 2])  # wrong: no rows
    report.picture("a.png", "", True)  # wrong: by name only
    plot_bars({"a": 1.0}, "nats")  # wrong: no groups
    Progress(10)  # wrong: no label

    # text
    CharacterVocabulary(10)  # wrong: no characters
    words.encode(["low"])  # wrong: one text
    words.encode_tensor("low")  # wrong: a batch
    words.encode_tensor(texts, 2)  # wrong: no second argument
    words.decode("low")  # wrong: ids
    WordVocabulary.fit(texts, lowercase="yes")  # wrong: a flag
    SubwordVocabulary.fit(texts, model="wordpiece")  # wrong: bpe or unigram
    subwords.encode_sampled("low", dropout=0.1)  # wrong: no seed
    normalise("low", form="NFD")  # wrong: NFC or NFKC
    split_words_tensor("low")  # wrong: a batch
    NgramHasher("letters", (1, 2), 100)  # wrong: words or characters
    read_vectors("vectors.txt", subwords)  # wrong: of words only
    Translator(words, words, words)  # wrong: no EncoderDecoder
    Translator(translating, words)  # wrong: no target
    translator.translate(texts, beam=5)  # wrong: width
    translator.translate(texts)[0].text  # wrong: a list for each
    _nats, _tokens, _scores = translator.score(texts, texts)  # wrong: two come
    TextPredictor(words, language)  # wrong: the model comes first
    predictor.predict(texts, 10)  # wrong: by name only
    predictor.continue_texts(texts, temperature="hot")  # wrong: a number

    # rooms, after `import keras_seq` alone
    keras_seq.layer  # wrong: layers
    keras_seq.layers.ExplicitLSTM("3")  # wrong: a number

    # music
    writer.write(2, given=["K:D"])  # wrong: a dict
    writer.write(2, key="D")  # wrong: an unknown keyword
    writer.write(1)[0].abc  # wrong: text
    HeaderStyle.fit(texts).spell("K", 2)  # wrong: a string
    transpose("X:1\nK:D\nD|", 2)  # wrong: a key

    # serving
    export(model, "saved_model", [signature])  # wrong: names are needed
    export(model, "saved_model", {"a": signature}, version="1")  # wrong: a number
    export(model, "saved_model", {"a": print})  # wrong: no Signature
    export(model, "saved_model", weights="int4")  # wrong: no such form
    Signature(print)  # wrong: no inputs
    model_signatures(model, limits=9)  # wrong: a dict
    model_signatures(model, rows="9")  # wrong: a number
    _report: ExportReport = check("saved_model")  # wrong: a CheckReport
