"""The model card that travels with an exported model."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seq.serving._errors import ServingError
from keras_seq.serving._saved_model import describe
from keras_seq.serving._signature import Signature

# The sections of a card, in order, with their headings.
SECTIONS = {
    "description": "What it is",
    "intended_use": "Intended use",
    "limits": "Limits",
    "data": "Data",
    "terms": "Terms",
    "metrics": "Metrics",
}


LIST_ITEMS = 4  # Longer lists are cut in the card; the client prints all.


def validate(card: Mapping[str, Any]) -> None:
    """Raises `ServingError` if a key is not a section of the card."""
    known = ["name", *SECTIONS]
    unknown = [key for key in card if key not in known]
    if unknown:
        raise ServingError(
            "The model card cannot be written",
            [f"`model_card` has keys {unknown}; its sections are {known}"],
        )


def model_name(card: Mapping[str, Any]) -> str:
    """The card's name as it can stand in an address; "model" without one."""
    return re.sub("[^A-Za-z0-9]+", "_", str(card.get("name", ""))).strip("_") or "model"


def write_card(
    card: Mapping[str, Any],
    signatures: Mapping[str, Signature],
    definitions: Mapping[str, Any],
    answers: Sequence[Mapping[str, Any]],
) -> str:
    """The card in Markdown.

    Args:
        card: Text, a list, or a table (a dict) for each section.
        signatures: What was exported, for the descriptions.
        definitions: The SignatureDefs of the saved graph, for the types.
        answers: Requests and responses of the client example.
    """
    name = model_name(card)
    parts = [f"# {card.get('name', 'Model')}"]
    for key, heading in SECTIONS.items():
        parts.append(f"## {heading}\n\n{_text(card.get(key, 'Not stated.'))}")
    parts.append("## Signatures")
    for key, definition in definitions.items():
        signature = signatures[key]
        parts.append(f"### `{key}`")
        if signature.description:
            parts.append(signature.description)
        rows = [
            (kind, f"`{n}`", describe(infos[n]), signature.notes.get(n, ""))
            for kind, infos in (
                ("input", definition.inputs),
                ("output", definition.outputs),
            )
            for n in sorted(infos)
        ]
        parts.append(_table(("", "name", "type", "meaning"), rows))
    parts.append(
        "## Serving\n\n"
        "With TensorFlow Serving 2.20 or later, in the folder that holds the version "
        "folders:\n\n"
        "```sh\n"
        f'docker run --rm -p 8501:8501 -v "$PWD:/models/{name}" \\\n'
        f"  -e MODEL_NAME={name} tensorflow/serving\n"
        "```\n\n"
        "With versions called stable and canary, and requests put together, it is "
        "started by `models.config` and `batching_parameters.txt` beside this card, as "
        "`compose.yaml` and `kubernetes.yaml` do. "
        "For a try on this machine without it: "
        f"`python -m keras_seq.serving . --name {name}`."
    )
    if answers:
        parts.append(
            "`client_rest.py`, beside this card, asks every signature; so do "
            "`client_grpc.py`, `client_curl.sh` and `client_fetch.mjs`. For example, "
            f"posted to `http://localhost:8501/v1/models/{name}:predict`:\n\n"
            f"{_json(answers[0]['request'])}\n\nanswered:\n\n"
            f"{_json(answers[0]['response'])}"
        )
    return "\n\n".join(parts) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return _table(("", "value"), _leaves(value))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(f"- {item}" for item in value)
    return str(value)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, ...]]:
    """The leaves of nested dicts as rows, e.g. `("test loss", "1.07")`."""
    rows: list[tuple[str, ...]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            rows += _leaves(value, f"{prefix}{key} ")
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
            rows.append((f"{prefix}{key}", shown))
    return rows


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in lines
    )


def _json(value: Any) -> str:
    text = json.dumps(_shortened(value), indent=2, ensure_ascii=False)
    return f"```json\n{text}\n```"


def _shortened(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list):
        shown = value if len(value) <= LIST_ITEMS else [*value[: LIST_ITEMS - 1], "..."]
        return [_shortened(item) for item in shown]
    return value
