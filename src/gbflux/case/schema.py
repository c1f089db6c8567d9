"""The JSON schema of a case, for editors that check YAML while it is written."""

from __future__ import annotations

import json
from typing import Any

from gbflux.case.model import Case

TITLE = "gbflux case"
# pydantic leaves limits of optional numbers under its own names, which no editor knows
_LIMITS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a case file; ``unit`` beside every quantity."""
    body = _plain(Case.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": TITLE, **body}


def _plain(node: Any) -> Any:
    """A schema without the titles pydantic makes of names, and with limits under their standard names."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {_LIMITS.get(key, key): _plain(item) for key, item in node.items() if key != "title"}
    return node


def schema_text() -> str:
    """The schema as it is committed: indented, keys in the order of the models, one newline at the end."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
