"""What a program writes where, as other programs see it."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTES = ["a note", "working", "  3/3, 0 s", "no colours"]


def command(*arguments):
    return [sys.executable, "-m", "tests.runs.toy_program", *arguments]


def environment(**more):
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run(*arguments, **options):
    more = options.pop("env", {})
    defaults = {"capture_output": True, "env": environment(**more), "text": True}
    return subprocess.run(command(*arguments), **{**defaults, **options})


def shell(line, **more):
    program = " ".join(command())
    return subprocess.run(
        ["/bin/bash", "-c", line.replace("PROGRAM", program)],
        capture_output=True,
        text=True,
        env=environment(**more),
    )


def test_answers_are_alone_on_stdout():
    done = run("say", "--times", "2")
    assert (done.returncode, done.stdout) == (0, "é\né\n")
    assert done.stderr.splitlines() == NOTES
    done = run("say", "--json")
    assert [json.loads(line)["said"] for line in done.stdout.splitlines()] == ["é"]


def test_quiet(tmp_path):
    done = run("--quiet", "say")
    assert (done.returncode, done.stdout, done.stderr) == (0, "é\n", "")
    done = run("--quiet", "--out", "a", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run("--quiet", "--out", "a", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: 'a' holds a run already")
    # Behind a -- it is no flag.
    assert run("say", "--text=--quiet").stdout == "--quiet\n"


def test_a_terminal_without_unicode():
    plain = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run("say", env=plain)
    assert (done.returncode, done.stdout) == (0, "\\xe9\n")
    done = run("say", "--json", env=plain)
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["said"] == "é"


def test_streams_that_are_shut(tmp_path):
    assert shell("PROGRAM say <&-").stdout == "é\n"
    done = shell("PROGRAM say 2>&-")
    assert (done.returncode, done.stdout) == (0, "é\n")
    done = shell("PROGRAM say >&-")
    assert (done.returncode, done.stderr.splitlines()) == (0, NOTES)
    done = shell(f"PROGRAM --out {tmp_path / 'run'} 1>&- 2>&- <&-")
    assert done.returncode == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["rate"] is None


def test_nobody_reads_on():
    done = shell("PROGRAM say --times 100000 | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout) == (141, "é\n")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    # Nor what is said besides.
    done = shell("PROGRAM say 2>&1 >/dev/null | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) in ((141, ""), (0, ""))


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("memory", "error: there is not enough memory. 20 GB\n"),
        ("end", "error: it ends too soon\n"),
    ],
)
def test_what_fails_is_said_in_words(kind, line, tmp_path):
    run("--out", "runs/toy", cwd=tmp_path)
    (tmp_path / "runs" / "toy" / "model.keras").touch()
    done = run("fail", "--kind", kind, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


def test_settings_and_runs_are_refused_before_the_work(tmp_path):
    done = run("--rate", "-1", cwd=tmp_path)
    assert done.stderr == "error: `rate` must be at least 0; received -1.0.\n"
    done = run("--rate", "much", cwd=tmp_path)
    assert done.returncode == 2
    assert "--rate: expected a number; received 'much'" in done.stderr
    done = run("fail", cwd=tmp_path)
    assert done.stderr.startswith("error: no run in 'runs/toy': it has no config.json")
    run(cwd=tmp_path)
    done = run("fail", cwd=tmp_path)
    assert done.stderr.startswith("error: the run in 'runs/toy' has not finished")


def seen_on_a_terminal(*arguments, **more):
    """What a program writes where stdout and stderr are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*arguments), stdout=theirs, stderr=theirs, env=environment(**more)
    ) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096) or b""
            except OSError:  # the other side is shut
                break
    os.close(ours)
    return process.returncode, shown.decode().replace("\r\n", "\n")


def test_a_terminal_has_bars_and_colours():
    status, shown = seen_on_a_terminal("say", TERM="xterm", COLUMNS="40")
    assert status == 0
    lines = shown.split("\n")
    assert lines[:2] == ["a note", "working"]
    assert lines[2].startswith("\r[")
    assert lines[2].split("\r")[-1].rstrip() == f"[{'=' * 20}] 3/3, 0 s"
    assert max(len(part) for part in lines[2].split("\r")) < 40
    assert lines[3:5] == ["é", "colours"]
    assert "no colours" in seen_on_a_terminal("say", TERM="xterm", NO_COLOR="1")[1]
    assert "\x1b[" in seen_on_a_terminal("--help", TERM="xterm", NO_COLOR="")[1]
    assert "\x1b[" not in seen_on_a_terminal("--help", TERM="xterm", NO_COLOR="1")[1]
