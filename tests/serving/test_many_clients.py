"""A class of students asks at once: nothing is lost. benchmarks/ has the long form."""

import runpy

from keras_seq.serving._server import LocalServer
from tests import house

BENCHMARK = runpy.run_path(str(house.ROOT / "benchmarks" / "many_clients.py"))


def test_sixty_four_clients_lose_nothing(exported):
    requests = BENCHMARK["requests_of"](exported.path, "score")
    assert [each["instances"][0]["text"] for each in requests] == [
        "a line",
        "another line é",
    ]
    with LocalServer(exported.directory, "chars") as server:
        found = BENCHMARK["ask_at_once"](server.url, requests, clients=64, seconds=1)
    assert found["lost"] == {}
    assert found["answered"] == found["asked"] >= 64
    assert found["p50"] <= found["p99"] <= found["slowest"]


def test_other_answers_count_as_lost(exported):
    sampled = {"prompt": "a", "temperature": 3.0, "length": 9}
    requests = [
        {"signature_name": "generate", "instances": [sampled | {"seed": seed}]}
        for seed in (1, 2)
    ]
    answers = []
    same = BENCHMARK["same"]
    with LocalServer(exported.directory, "chars") as server:
        connection = BENCHMARK["http"].client.HTTPConnection(server.url.split("/")[2])
        for request in requests:
            _, answer = BENCHMARK["ask"](connection, "/v1/models/chars", request)
            answers.append(answer)
        connection.close()
    assert same(answers[0], answers[0])
    assert not same(*answers)
    assert same({"a": [1.0]}, {"a": [1.00001]})
    assert not same({"a": [1.0]}, {"a": [1.01]})
