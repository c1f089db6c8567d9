"""Write the reference of all keys into ``docs/cases.md``: ``python docs/make_cases.py``.

The tables come from the JSON schema of a case, so they cannot differ from what is read. The text around them
is written by hand; what stands between the two marks is replaced.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gbflux.case.text import schema
from generated import with_part

PAGE = Path(__file__).resolve().parent / "cases.md"
BEGIN = "<!-- begin: made by docs/make_cases.py -->"
LIMITS = {
    "exclusiveMinimum": ">",
    "gt": ">",
    "minimum": "≥",
    "ge": "≥",
    "exclusiveMaximum": "<",
    "lt": "<",
    "maximum": "≤",
    "le": "≤",
}
NOTES = {  # what rules between keys say of a default
    ("grains", "mean_size_um"): "one of three",
    ("grains", "count"): "one of three",
    ("grains", "seeds_file"): "one of three",
    ("homogenizing_layer", "conductivity_S_per_cm"): "required, but for thickness 0",
}
FAR = 1e6  # limits beyond it only catch wrong units: not worth a reader's time


def main() -> None:
    """Replace the generated part of the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its generated part made anew."""
    return with_part(text, BEGIN, reference())


def reference() -> str:
    """A table for the top level and for each block."""
    tree = schema()
    blocks = {name: alone(entry) for name, entry in tree["properties"].items()}
    top = {name: entry for name, entry in blocks.items() if "$ref" not in entry}
    parts = [table("", "Top level", "Beside the blocks below.", top, [])]
    for name, entry in blocks.items():
        if "$ref" in entry:
            block = tree["$defs"][last(entry["$ref"])]
            needed = "Required." if name in tree["required"] else "Optional."
            words = f"{sentence(entry['description'])} {needed}"
            parts.append(table(name, f"`{name}`", words, block["properties"], block.get("required", [])))
    variation = tree["$defs"]["Variation"]
    words = (
        "A conductivity that scatters; in `grains` one value per grain, in `grain_boundary` one per boundary."
    )
    parts.append(table("variation", "`variation`", words, variation["properties"], variation["required"]))
    certify = tree["$defs"]["Certify"]
    words = "Local currents that are certified, on each electrode; `certify: {}` takes the defaults."
    parts.append(table("certify", "`certify`", words, certify["properties"], []))
    law = tree["$defs"]["Electrodes"]["properties"]["kinetics"]["anyOf"][0]
    words = (
        "Butler–Volmer's law of one electrode: under `kinetics` itself for both, or under `bottom` and `top`."
    )
    parts.append(table("kinetics", "`kinetics`", words, law["properties"], law["required"]))
    return "\n".join(parts)


def table(block: str, title: str, words: str, entries: dict[str, Any], required: list[str]) -> str:
    """One block: heading, a sentence, a row a key."""
    rows = [row(block, key, alone(entry), key in required) for key, entry in entries.items()]
    head = ["| key | unit | default | allowed | meaning |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([f"### {title}", "", words, "", *head, *rows, ""])


def row(block: str, key: str, entry: dict[str, Any], required: bool) -> str:
    """One key."""
    unit = entry.get("unit", "1")
    meaning, _, absent = entry["description"].partition("; absent: ")
    if (block, key) in NOTES:
        default = NOTES[block, key]
    elif required:
        default = "required"
    elif "default" in entry and entry["default"] is not None:
        default = shown(entry["default"])
    else:
        default = absent or "none"
    meaning = meaning if default == absent or not absent else f"{meaning}; absent: {absent}"
    cells = [f"`{key}`", "" if unit == "1" else unit, default, allowed(key, entry), meaning]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def alone(entry: dict[str, Any]) -> dict[str, Any]:
    """An optional entry as the one kind of value it takes when it is there."""
    kinds = [kind for kind in entry.get("anyOf", []) if kind.get("type") != "null"]
    return {**entry, **kinds[0]} if len(kinds) == 1 else entry


def allowed(key: str, entry: dict[str, Any]) -> str:
    """Words to choose from, or limits."""
    if "enum" in entry:
        return ", ".join(entry["enum"])
    if "const" in entry:
        return entry["const"]
    if entry.get("type") == "boolean":
        return "true, false"
    if entry.get("type") == "array":
        least, most = entry["minItems"], entry["maxItems"]
        word = "or" if most == least + 1 else "to"
        return f"{least} {word} {most} numbers, each {limits(entry['items'])}"
    if "$ref" in entry:
        return f"see `{last(entry['$ref']).lower()}`"
    if "anyOf" in entry:
        first = entry["anyOf"][0]
        return f"see `{key}`" if "properties" in first else limits(first)
    if "pattern" in entry:
        return "letters, digits, `.`, `_`, `-`"
    return limits(entry)


def limits(entry: dict[str, Any]) -> str:
    """Limits of a number."""
    found = [
        f"{sign} {entry[name]:g}" for name, sign in LIMITS.items() if name in entry and abs(entry[name]) < FAR
    ]
    whole = ["whole"] if entry.get("type") == "integer" else []
    return ", ".join([*whole, *found])


def shown(value: Any) -> str:
    """A default as it would be written."""
    if isinstance(value, dict):
        return "0" if not any(value.values()) else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return words[0].upper() + words[1:] + "."


def last(reference: str) -> str:
    """Name at the end of a reference within the schema."""
    return reference.rsplit("/", 1)[-1]


if __name__ == "__main__":
    main()
