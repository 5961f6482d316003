"""Many clients at once against the local server: is anything lost, how long is it?

    python benchmarks/many_clients.py runs/music_generation/saved_model

Serves the exported model in a process of its own, asks the requests that its export
shows (`assets.extra/client_rest.json`) one after the other, and then lets all clients
ask them at once, each on a connection that it keeps. An answer counts if it is the same
as the one before; what isn't answered, or otherwise, is lost.
"""

import argparse
import http.client
import json
import math
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path


def ask(connection, path, request):
    """Status and JSON of a predict request."""
    connection.request("POST", f"{path}:predict", json.dumps(request).encode())
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def same(one, other):
    """Whether two answers are, floats to rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-5)
    return one == other


def ask_at_once(url, requests, *, clients, seconds, seed=0):
    """Lets clients ask for some time, each as soon as it has its answer.

    Args:
        url: The model's address.
        requests: Predict requests, drawn at random.
        clients: Clients, each a thread with a connection.
        seconds: Time; what was asked in it is waited for.
        seed: Of what is drawn.

    Returns:
        Dict of "asked", "answered" (as before), "lost" (reasons, and how often),
        "per_second", and milliseconds: "alone" (median of one client), "p50", "p99",
        "slowest".
    """
    address = urllib.parse.urlsplit(url)

    def connect():
        return http.client.HTTPConnection(address.hostname, address.port, timeout=120)

    connection, alone, expected = connect(), [], []
    for request in requests:
        ask(connection, address.path, request)  # shapes met for the first time
        began = time.perf_counter()
        status, answer = ask(connection, address.path, request)
        alone.append(time.perf_counter() - began)
        if status != 200:
            raise SystemExit(f"{request} was answered with {status}: {answer}")
        expected.append(answer)
    connection.close()
    taken, lost = [], {}
    lock, start = threading.Lock(), threading.Barrier(clients + 1)

    def client(number):
        draw, connection = random.Random(f"{seed} {number}"), connect()
        start.wait()
        while time.perf_counter() < end:
            index = draw.randrange(len(requests))
            began, reason = time.perf_counter(), None
            try:
                status, answer = ask(connection, address.path, requests[index])
                if status != 200:
                    reason = f"{status}: {answer}"
                elif not same(answer, expected[index]):
                    reason = "another answer"
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason, connection = repr(error), connect()
            with lock:
                taken.append(time.perf_counter() - began)
                if reason:
                    lost[reason] = lost.get(reason, 0) + 1
        connection.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(clients)]
    for thread in threads:
        thread.start()
    began = time.perf_counter()
    end = began + seconds
    start.wait()
    for thread in threads:
        thread.join()
    whole = time.perf_counter() - began
    ordered = sorted(1e3 * each for each in taken)
    return {
        "asked": len(taken),
        "answered": len(taken) - sum(lost.values()),
        "lost": lost,
        "per_second": len(taken) / whole,
        "alone": 1e3 * statistics.median(alone),
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[int(0.99 * len(ordered))],
        "slowest": ordered[-1],
    }


def requests_of(path, signature=None):
    """The requests that an export shows, a row in each."""
    version = max((p for p in Path(path).iterdir() if p.name.isdecimal()), key=_number)
    shown = json.loads((version / "assets.extra" / "client_rest.json").read_text())
    return [
        each["request"] | {"instances": [row]}
        for each in shown
        if signature in (None, each["request"]["signature_name"])
        for row in each["request"]["instances"]
    ]


def _number(folder):
    return int(folder.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="a saved_model folder")
    parser.add_argument("--signature", help="this one alone")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", default="runs/benchmarks/many_clients.json")
    given = parser.parse_args()
    requests = requests_of(given.path, given.signature)
    command = [sys.executable, "-m", "keras_seq.serving", "serve", given.path]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            url = re.search(r"(http://\S+):predict", server.stdout.readline())[1]
            found = ask_at_once(
                url, requests, clients=given.clients, seconds=given.seconds
            )
        finally:
            server.terminate()
            server.stdout.read()  # until it has ended
    lost = sum(found["lost"].values())
    print(f"{given.clients} clients, {given.seconds:g} s, {len(requests)} requests")
    print(f"  {found['asked']} asked, {lost} lost, {found['per_second']:.0f} a second")
    print(f"  p50 {found['p50']:.0f} ms, p99 {found['p99']:.0f} ms, slowest", end=" ")
    print(f"{found['slowest']:.0f} ms; one client alone {found['alone']:.1f} ms")
    for reason, count in found["lost"].items():
        print(f"  lost, {count} times: {reason[:200]}")
    Path(given.out).parent.mkdir(parents=True, exist_ok=True)
    Path(given.out).write_text(json.dumps(vars(given) | found, indent=2) + "\n")
    raise SystemExit(lost > 0)


if __name__ == "__main__":
    main()
