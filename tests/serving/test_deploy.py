"""What servers are started with: read back by what is to read it."""

import shutil
import socket
import subprocess
import urllib.parse

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)
from google.protobuf import wrappers_pb2 as wrappers

from keras_seq.serving import _deploy
from keras_seq.serving._server import LocalServer

NAMES = ["chars", "a 'b' \"c\" $HOME \\n é 漢 @SLUG@\nx: y"]
CONTRACT = {
    "serving_default": {"limits": {"rows": 16}, "rows_independent": True},
    "other": {"limits": {}, "rows_independent": True},
}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def written(tmp_path, name, version=3, others=(), contract=None):
    folder = tmp_path / "assets.extra"
    folder.mkdir()
    _deploy.write(folder, name, version, list(others), contract or CONTRACT)
    return {file.name: file.read_text("utf-8") for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("others", "stable", "versions"),
    [([], 3, [3]), ([1, 2], 2, [2, 3]), ([3, 7], 3, [3]), ([1, 9], 1, [1, 3])],
)
def test_labels(tmp_path, name, others, stable, versions):
    """By the server's own proto."""
    protos = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    text = written(tmp_path, name, others=others)["models.config"]
    read = text_format.Parse(text, protos.ModelServerConfig())
    (config,) = read.model_config_list.config
    assert config.name == name
    assert config.base_path == "/models/served"
    assert config.model_platform == "tensorflow"
    assert dict(config.version_labels) == {"stable": stable, "canary": 3}
    assert list(config.model_version_policy.specific.versions) == versions


def batching_parameters():
    """tensorflow_serving/servables/tensorflow/session_bundle_config.proto, in part."""
    file = descriptor_pb2.FileDescriptorProto(
        name="batching.proto", package="t", syntax="proto3"
    )
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    fields = [
        "max_batch_size",
        "batch_timeout_micros",
        "max_enqueued_batches",
        "num_batch_threads",
    ]
    for number, field in enumerate(fields, 1):
        message.field.add(
            name=field, number=number, type=11, type_name=".google.protobuf.Int64Value"
        )
    message.field.add(name="pad_variable_length_inputs", number=7, type=8)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("t.BatchingParameters")
    )


@pytest.mark.parametrize(("rows", "batch"), [(16, 16), (64, 64), (1, 1)])
def test_no_batch_is_larger_than_a_signature_takes(tmp_path, rows, batch):
    contract = {"x": {"limits": {"rows": rows}, "rows_independent": True}}
    text = written(tmp_path, "m", contract=contract)["batching_parameters.txt"]
    read = text_format.Parse(text, batching_parameters()())
    assert read.max_batch_size.value == batch
    assert read.batch_timeout_micros.value == 1000
    assert read.num_batch_threads.value == 2
    assert read.max_enqueued_batches.value == 64
    assert not read.pad_variable_length_inputs


def test_requests_of_other_lengths_are_not_put_together(tmp_path):
    """One of 5 steps and one of 7 would fail each other's batch."""
    inputs = {"x": "float32 (batch, ?, 3)", "text": "string (batch)"}
    contract = {"read": {"limits": {}, "rows_independent": True, "inputs": inputs}}
    found = written(tmp_path, "m", contract=contract)
    assert "NOT FOR read" in found["batching_parameters.txt"]
    assert "batching" not in found["compose.yaml"] + found["kubernetes.yaml"]


def test_rows_that_hang_on_neighbours_are_not_batched(tmp_path):
    contract = CONTRACT | {"mean": {"limits": {}, "rows_independent": False}}
    found = written(tmp_path, "m", contract=contract)
    assert "NOT FOR mean" in found["batching_parameters.txt"]
    assert "batching" not in found["compose.yaml"] + found["kubernetes.yaml"]


def test_compose(tmp_path, name):
    yaml = pytest.importorskip("yaml")
    text = written(tmp_path, name)["compose.yaml"]
    assert "The export wrote this and did not run it" in text
    ((slug, service),) = yaml.safe_load(text)["services"].items()
    assert slug == _deploy.slug(name)
    assert service["image"] == "tensorflow/serving"
    assert service["environment"] == {"TF_ENABLE_ONEDNN_OPTS": "0"}
    assert service["command"] == [
        "--model_config_file=/models/served/3/assets.extra/models.config",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_timeout_in_ms=60000",
        "--enable_batching=true",
        "--batching_parameters_file=/models/served/3/assets.extra/"
        "batching_parameters.txt",
    ]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    (volume,) = service["volumes"]
    assert (volume["source"], volume["read_only"]) == ("../..", True)
    assert "$" not in str(service)  # which compose would replace


@pytest.mark.parametrize("state", ["ready", "another model", "nothing"])
def test_the_health_check_of_compose_is_right(tmp_path, exported, state):
    yaml = pytest.importorskip("yaml")
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    name = "a 'b' é"
    (service,) = yaml.safe_load(written(tmp_path, name)["compose.yaml"])[
        "services"
    ].values()
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    served = "other" if state == "another model" else name
    with LocalServer(exported.directory, served) as server:
        port = str(urllib.parse.urlsplit(server.url).port)
        if state == "nothing":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
        command = [part.replace("8501", port) for part in command]
        status = subprocess.run(command, capture_output=True, timeout=20).returncode
    assert (status == 0) == (state == "ready")


def test_kubernetes(tmp_path, name):
    yaml = pytest.importorskip("yaml")
    text = written(tmp_path, name)["kubernetes.yaml"]
    assert "The export wrote this and did\n# not run it" in text
    deployment, service = yaml.safe_load_all(text)
    assert (deployment["kind"], service["kind"]) == ("Deployment", "Service")
    labels = deployment["spec"]["selector"]["matchLabels"]
    assert labels == deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"]
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == "tensorflow/serving"
    assert container["env"] == [{"name": "TF_ENABLE_ONEDNN_OPTS", "value": "0"}]
    ready = container["readinessProbe"]["httpGet"]
    assert urllib.parse.unquote(ready["path"]) == f"/v1/models/{name}"
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert named[ready["port"]] == 8501
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(named)
    (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
    assert mount["name"] == volume["name"]
    assert container["args"][0].startswith(
        f"--model_config_file={mount['mountPath']}/3/"
    )


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Characters_small", "model-characters-small"),
        ("漢", "model"),
        ("x" * 100, "model-" + "x" * 57),
        ("a" * 56 + "  b", "model-" + "a" * 56),
    ],
)
def test_names_of_kubernetes(name, slug):
    assert _deploy.slug(name) == slug


def test_an_export_has_them(exported):
    extra = exported.directory / "assets.extra"
    assert 'name: "Characters_small"' in (extra / _deploy.MODELS).read_text()
    for file in (_deploy.BATCHING, _deploy.COMPOSE, _deploy.KUBERNETES):
        assert (extra / file).exists()
