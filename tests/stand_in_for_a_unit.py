"""Does what `gbflux sweep unit` does, without computing: NOTES FOLDER KEY... Knows nothing of gbflux."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    notes, folder, keys = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    tree = json.loads((notes / "result.json").read_text())
    behaviour = json.loads((notes / "behaviour.json").read_text())
    for key in keys:
        print("##", key[:16], "begin", flush=True)
        with (notes / key[:16]).open("a") as count:
            count.write(".")
        kind, *once = next((b for start, b in behaviour.items() if key.startswith(start)), "").split() or [""]
        if not once or (notes / key[:16]).stat().st_size == 1:
            misbehave(kind, folder / "cases" / key[:16])
        if kind != "fail" or (once and (notes / key[:16]).stat().st_size > 1):
            finish(folder / "cases" / key[:16], {**tree, "case_hash": key})
        print("##", key[:16], "end", flush=True)


def misbehave(kind: str, case: Path) -> None:
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "exit":
        sys.exit("out of luck")
    if kind == "hang":
        print("hanging", flush=True)
        time.sleep(1e6)
    if kind == "fail":
        case.mkdir(parents=True, exist_ok=True)
        file = case / "failure.json"
        attempts = json.loads(file.read_text())["attempts"] + 1 if file.exists() else 1
        failure = {
            "message": "mesh: no",
            "error": "MeshError",
            "exit_code": 2,
            "attempts": attempts,
            "time": "",
        }
        file.write_text(json.dumps(failure))


def finish(case: Path, tree: dict) -> None:
    case.mkdir(parents=True, exist_ok=True)
    (case / "draft").write_text(json.dumps(tree))
    os.replace(case / "draft", case / "result.json")


if __name__ == "__main__":
    main()
