"""How few pairs of sentences the translation recipe learns from.

    python benchmarks/small_corpora.py [--sizes 50,200,500,1500,5000]
                                       [--scripts latin,han] [--architecture NAME]

Sentences of four parts (who, does, what, when) are drawn from small grammars, without
repeats: English into a made-up language with spaces whose verb comes last, and English
into Chinese, which has none. For each script and number of pairs the recipe trains with
its default settings. BLEU on the test pairs, a tenth of all, stands beside that of the
nearest training sentence's translation (see the recipe). Expect some minutes a row.
"""

import argparse
import itertools
import json
import random
import tempfile
from pathlib import Path

from _timing import machine, write_json

from keras_seq.runs import RunDirectory
from recipes import translation

ENGLISH = (
    "I|you|he|she|we|they|the teacher|my friend|the old man|her sister|"
    "a child|our neighbour",
    "likes|sees|buys|wants|draws|knows|carries|sells|hides|finds",
    "tea|time|books|music|apples|the city|the river|a horse|bread|the moon|"
    "a letter|three lamps",
    "today|tomorrow|now|every day|at night|in spring|again|soon|there|often|"
    "in the morning|before noon",
)
HAN = (
    "我|你|他|她|我们|他们|老师|我的朋友|那个老人|她的姐姐|一个孩子|我们的邻居",
    "喜欢|看见|买|想要|画|知道|搬|卖|藏|找到",
    "茶|时间|书|音乐|苹果|城市|那条河|一匹马|面包|月亮|一封信|三盏灯",
    "今天|明天|现在|每天|晚上|春天|又|很快|在那里|常常|早上|中午以前",
)
LATIN = (
    "mi|vi|li|shi|ni|ili|la instrua|mia amika|la olda viro|shia fratina|"
    "unu infano|nia najbaro",
    "amas|vidas|achetas|volas|desegnas|konas|portas|vendas|kashas|trovas",
    "teon|tempon|librojn|muzikon|pomojn|la urbon|la riveron|chevalon|panon|"
    "la lunon|leteron|tri lampojn",
    "hodiau|morgau|nun|chiutage|nokte|printempe|denove|baldau|tie|ofte|"
    "matene|antau tagmezo",
)


def sentences(script):
    """All pairs, in the order of the grammar."""
    tables = [part.split("|") for part in ENGLISH]
    others = [part.split("|") for part in (HAN if script == "han" else LATIN)]
    for places in itertools.product(*(range(len(table)) for table in tables)):
        words = [table[i] for table, i in zip(tables, places, strict=True)]
        who, does, what, when = (
            table[i] for table, i in zip(others, places, strict=True)
        )
        if script == "han":
            yield " ".join(words) + ".", f"{who}{when}{does}{what}。"
        else:
            yield " ".join(words) + ".", f"{when} {who} {what} {does}."


def measure(script, count, architecture, folder):
    """Trains on so many pairs; the figures of the run."""
    pairs = random.Random(0).sample(list(sentences(script)), count)
    path = folder / f"{script}-{count}.tsv"
    path.write_text("".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    config = translation.Config(
        data=str(path), out=str(folder / path.stem), architecture=architecture
    )
    data = translation.load_data(config)
    model = translation.build_model(config, data)
    translator = translation.build_translator(config, model, data.source, data.target)
    run = RunDirectory.start(config.out, config)
    checkpoint = translation.train(config, data, model, translator, run)
    figures, _ = translation.evaluate(config, data, translator)
    return {
        "script": script,
        "pairs": count,
        "bleu": figures["test"]["bleu"],
        "exact": figures["test"]["exact"],
        "nearest_bleu": figures["baseline"]["nearest"]["bleu"],
        "epochs": len(checkpoint.history),
        "best_epoch": checkpoint.best_epoch + 1,
        "steps": data.steps_per_epoch * len(checkpoint.history),
        "seconds": round(checkpoint.seconds_trained),
    }


def main():
    """Reads the command line, measures, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="50,200,500,1500,5000")
    parser.add_argument("--scripts", default="latin,han")
    parser.add_argument("--architecture", default="attention")
    parser.add_argument("--out", default="runs/benchmarks/small_corpora.json")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for script in options.scripts.split(","):
            for count in map(int, options.sizes.split(",")):
                row = measure(script, count, options.architecture, Path(folder))
                rows.append(row)
                print(json.dumps(row), flush=True)
                write_json(options.out, machine() | {"rows": rows})


if __name__ == "__main__":
    main()
