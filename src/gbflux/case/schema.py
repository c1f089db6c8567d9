"""The JSON schema of a case, for editors that check YAML while it is written."""

from __future__ import annotations

import json
from typing import Any

from gbflux.case.model import Case

TITLE = "gbflux case"


def schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a case file; ``unit`` beside every quantity."""
    body = _without_titles(Case.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **body}


def _without_titles(node: Any) -> Any:
    """A schema without the titles that pydantic makes of names."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_titles(item) for key, item in node.items() if key != "title"}
    return node


def schema_text() -> str:
    """The schema as it is committed: indented, keys in the order of the models, one newline at the end."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
