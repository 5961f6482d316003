"""What TensorFlow Serving is started with, beside an exported model."""

import re
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import text_encoding

MODELS, BATCHING = "models.config", "batching_parameters.txt"
COMPOSE, KUBERNETES = "compose.yaml", "kubernetes.yaml"
_BATCH = 32  # rows, where no signature says how many it takes
_PLACE = "/models/served"  # in the container; the model's name stands in no path

_MODELS = """# Which versions TensorFlow Serving loads, and what it calls them:
#
#     tensorflow_model_server --rest_api_port=8501 --port=8500 \\
#         --model_config_file=models.config \\
#         --allow_version_labels_for_unavailable_models=true
#
# The last, as no version is loaded yet when the labels are read. A request asks
# /v1/models/NAME/labels/stable, over gRPC model_spec.version_label. Try a new version
# as the canary; when it does well, move "stable" to it: the server reads this again
# with --model_config_file_poll_wait_seconds=60.
model_config_list {
  config {
    name: "@NAME@"
    base_path: "@PLACE@"  # the folder that holds the versions
    model_platform: "tensorflow"
    model_version_policy { specific { @VERSIONS@ } }
    version_labels { key: "stable" value: @STABLE@ }
    version_labels { key: "canary" value: @CANARY@ }
  }
}
"""

_BATCHING = """# How TensorFlow Serving puts requests together:
#
#     --enable_batching=true --batching_parameters_file=batching_parameters.txt
#
@NEIGHBOURS@# Rows in a batch, and in a request: what every signature takes
# (@ROWS@), as a larger batch fails for all who are in it. A signature that writes token
# by token gains most.
max_batch_size { value: @BATCH@ }
# What a request waits for others, in microseconds: 0 while few come, else a part of the
# time that an answer takes.
batch_timeout_micros { value: 1000 }
# Batches that run at once: the cores, or 1 or 2 where an operation uses all of them.
num_batch_threads { value: 2 }
# Batches that may wait; then requests are refused (UNAVAILABLE), so that nobody waits
# for minutes. At most what can be answered in the time that a client waits.
max_enqueued_batches { value: 64 }
# Off: the server pads with the first value of a tensor, and no mask tells it. Texts
# have no length to pad; sequences of numbers would need one length in a batch.
pad_variable_length_inputs: false
"""

_COMPOSE = """\
# Starts TensorFlow Serving's official image with this model, for this machine.
# The export wrote this and did not run it. In the folder that holds the versions:
#
#     docker compose -f @VERSION@/assets.extra/compose.yaml up
services:
  @SLUG@:
    # Better a tag that you have tried: 2.20 or later.
    image: tensorflow/serving
    environment:
      TF_ENABLE_ONEDNN_OPTS: "0" # Else the most memory that ever was needed is kept.
    command:
@ARGUMENTS@
    ports:
      - "127.0.0.1:8500:8500" # gRPC
      - "127.0.0.1:8501:8501" # REST
    volumes:
      - type: bind
        source: ../..
        target: @PLACE@
        read_only: true
    healthcheck: # The image has no curl.
      test:
        - CMD
        - bash
        - -c
        - >-
          exec 3<>/dev/tcp/127.0.0.1/8501
          && printf 'GET %s HTTP/1.0\\r\\n\\r\\n' @PATH@ >&3
          && grep -q AVAILABLE <&3
      interval: 10s
      timeout: 5s
      retries: 30
    restart: unless-stopped
"""

_KUBERNETES = """\
# TensorFlow Serving's official image with this model. The export wrote this and did
# not run it. The folder that holds the versions lies in the volume @SLUG@.
#
#     kubectl apply -f kubernetes.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: @SLUG@
spec:
  replicas: 1
  selector:
    matchLabels:
      app: @SLUG@
  template:
    metadata:
      labels:
        app: @SLUG@
    spec:
      containers:
        - name: serving
          # Better a tag that you have tried: 2.20 or later.
          image: tensorflow/serving
          env: # Else the most memory that ever was needed is kept.
            - name: TF_ENABLE_ONEDNN_OPTS
              value: "0"
          args:
@ARGUMENTS@
          ports:
            - name: grpc
              containerPort: 8500
            - name: rest
              containerPort: 8501
          # The server listens when the model is loaded and warmed up, not before.
          startupProbe:
            httpGet:
              path: "@PATH@"
              port: rest
            periodSeconds: 5
            failureThreshold: 60
          readinessProbe:
            httpGet:
              path: "@PATH@"
              port: rest
            periodSeconds: 5
          livenessProbe:
            tcpSocket:
              port: grpc
            periodSeconds: 20
          resources:
            requests:
              cpu: "1"
              memory: 1Gi
            limits: # Texts and rows are bounded, so memory is too.
              memory: 3Gi
          volumeMounts:
            - name: model
              mountPath: @PLACE@
              readOnly: true
      volumes:
        - name: model
          persistentVolumeClaim:
            claimName: @SLUG@
            readOnly: true
---
apiVersion: v1
kind: Service
metadata:
  name: @SLUG@
spec:
  selector:
    app: @SLUG@
  ports:
    - name: grpc
      port: 8500
      targetPort: grpc
    - name: rest
      port: 8501
      targetPort: rest
"""


def _has_open_length(told: Mapping[str, Any]) -> bool:
    return any("?" in shape for shape in told.get("inputs", {}).values())


def write(
    folder: Path,
    name: str,
    version: int,
    others: list[int],
    contract: Mapping[str, Any],
) -> None:
    """Writes the settings of servers.

    Args:
        folder: Where to.
        name: Name of the model: any text without `/` and `:`.
        version: The version that is written: the canary.
        others: Versions beside it; the newest that is older is stable.
        contract: What is told of each signature: "limits", "rows_independent".
    """
    stable = max((v for v in others if v < version), default=version)
    rows = min((c["limits"].get("rows", _BATCH) for c in contract.values()), default=1)
    bound = sorted(n for n, c in contract.items() if not c["rows_independent"])
    told = f"# NOT FOR {', '.join(bound)}: a row's answer hangs on its neighbours.\n#\n"
    ragged = sorted(n for n, c in contract.items() if _has_open_length(c))
    if ragged:
        told = told if bound else ""
        told += f"# NOT FOR {', '.join(ragged)}: requests of other lengths don't fit"
        told += " together.\n#\n"
    extra = f"{_PLACE}/{version}/{folder.name}"
    arguments = [
        f"--model_config_file={extra}/{MODELS}",
        "--allow_version_labels_for_unavailable_models=true",
        "--rest_api_timeout_in_ms=60000",
    ]
    if not bound and not ragged:
        arguments += [
            "--enable_batching=true",
            f"--batching_parameters_file={extra}/{BATCHING}",
        ]
    values = {
        "NAME": text_encoding.CEscape(name, as_utf8=True),
        "PLACE": _PLACE,
        "VERSIONS": " ".join(f"versions: {v}" for v in sorted({stable, version})),
        "STABLE": str(stable),
        "CANARY": str(version),
        "VERSION": str(version),
        "NEIGHBOURS": told if bound or ragged else "",
        "ROWS": str(rows),
        "BATCH": str(rows),
        "SLUG": slug(name),
        "PATH": f"/v1/models/{urllib.parse.quote(name, safe='')}",
    }
    for file, template, indent in (
        (MODELS, _MODELS, 0),
        (BATCHING, _BATCHING, 0),
        (COMPOSE, _COMPOSE, 6),
        (KUBERNETES, _KUBERNETES, 12),
    ):
        listed = "\n".join(f"{' ' * indent}- {argument}" for argument in arguments)
        text = _filled(template, values | {"ARGUMENTS": listed})
        (folder / file).write_text(text, "utf-8")


def _filled(template: str, values: Mapping[str, str]) -> str:
    return re.sub("@([A-Z]+)@", lambda found: values[found[1]], template)


def slug(name: str) -> str:
    """A model's name as Kubernetes names things: at most 63 of a-z, 0-9 and `-`."""
    text = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"model-{text}"[:63].strip("-")
