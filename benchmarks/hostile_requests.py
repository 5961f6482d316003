"""Random and hostile requests to every signature of exported models.

    python benchmarks/hostile_requests.py runs/music_generation/saved_model
        [--requests 10000] [--at-once 1000] [--seconds 500]
        [--signatures generate,score] [--out hostile_requests.json]

Each signature is asked in processes of its own, so many requests in each, which are
watched: whether one dies, how long the slowest answer takes, how much memory it takes
at most and keeps, whether every number is finite, every text UTF-8, and a normal
request is answered as before; then how soon what exceeds a limit ten times is refused.
It fails if anything is wrong, an answer comes after 10 s, memory grows by more than 1.5
GB or more than 200 MB of it are kept. Called again it goes on with what is in `--out`,
each process with a seed of its own.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

from keras_seq.files import atomic_write
from keras_seq.serving import HostileReport, ask_hostile

SECONDS, PEAK, KEPT = 10, 1500, 200


def merged(first: HostileReport, second: HostileReport) -> HostileReport:
    """One report of both: sums of what is counted, the worst of what is measured."""
    summed = ("requests", "refused", "rows_refused")
    worst = ("slowest", "slowest_refusal", "tenfold", "peak", "kept")
    both = {name: getattr(first, name) + getattr(second, name) for name in summed}
    for name in worst:
        both[name] = max(getattr(first, name), getattr(second, name))
    problems = tuple(dict.fromkeys([*first.problems, *second.problems]))
    return dataclasses.replace(first, **both, problems=problems)


def amiss(report: HostileReport) -> list[str]:
    """What a server of strangers can't bear."""
    found = list(report.problems)
    if report.slowest[0] > SECONDS:
        found.append(f"an answer after {report.slowest[0]:.1f} s")
    if report.peak > PEAK or report.kept > KEPT:
        found.append(f"{report.peak:.0f} MB at most, {report.kept:.0f} MB kept")
    return found


def names(text: str) -> list[str]:
    return text.split(",")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="+", help="saved_model folders")
    parser.add_argument("--requests", type=int, default=200, help="to each signature")
    parser.add_argument("--at-once", type=int, default=1000, help="in a process")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="in all")
    parser.add_argument("--signatures", type=names, help="by default all")
    parser.add_argument("--out", type=Path, default=Path("hostile_requests.json"))
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    written = json.loads(options.out.read_text()) if options.out.exists() else {}
    failed = False
    for path in options.paths:
        told = json.loads(contract(path).read_text("utf-8"))
        for name in options.signatures or told:
            done = written.setdefault(path, {}).setdefault(name, {"seed": 0})
            report = read(done["report"]) if "report" in done else None
            while left := options.requests - (report.requests if report else 0):
                if left < 0 or time.monotonic() > until:
                    break
                [new] = ask_hostile(
                    path,
                    requests=min(left, options.at_once),
                    seed=done["seed"],
                    signatures=[name],
                )
                done["seed"] += 1
                report = merged(report, new) if report else new
                done["report"] = dataclasses.asdict(report)
                atomic_write(options.out, json.dumps(written, indent=2))
                if not new.requests:  # it died
                    break
            if report:
                print(f"{path}\n  {report}", flush=True)
                failed = failed or bool(amiss(report))
    raise SystemExit(failed)


def contract(path: str) -> Path:
    """What the newest version tells of its signatures."""
    versions = [p for p in Path(path).iterdir() if p.name.isdecimal()]
    newest = max(versions, key=lambda version: int(version.name))
    return newest / "assets.extra" / "signatures.json"


def read(report: dict) -> HostileReport:
    lists = {k: tuple(v) for k, v in report.items() if isinstance(v, list)}
    return HostileReport(**report | lists)


if __name__ == "__main__":
    main()
