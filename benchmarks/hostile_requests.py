"""Random and hostile requests to every signature of an exported model.

    python benchmarks/hostile_requests.py runs/music_generation/saved_model

Each signature is asked in a process of its own, which is watched: whether it dies, how
long the slowest answer takes, how much memory it takes at most and keeps, whether every
number is finite, every text UTF-8, and a normal request is answered as before.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from keras_seq.serving import ask_hostile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+", help="saved_model folders")
    parser.add_argument("--requests", type=int, default=200, help="to each signature")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="hostile_requests.json")
    arguments = parser.parse_args()
    written, failed = {}, False
    for path in arguments.paths:
        print(path, flush=True)
        reports = ask_hostile(path, requests=arguments.requests, seed=arguments.seed)
        for report in reports:
            print(f"  {report}", flush=True)
            failed = failed or bool(report.problems)
        written[path] = [dataclasses.asdict(report) for report in reports]
    Path(arguments.out).write_text(json.dumps(written, indent=2))
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
