"""A headless Chromium that is told over a pipe what to do, in the DevTools protocol; needs no driver."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 300.0  # the machine may be busy, or stand still for a while
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # containers have none
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)


def find_browser() -> str | None:
    """Path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of a browser. Every event since the start is kept."""

    def __init__(self, read: int, write: int):
        self._read, self._write = read, write
        self._buffer = b""
        self._count = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result; events that come first are kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        """The next message."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], PATIENCE_S)
            assert ready, f"the browser was silent for {PATIENCE_S:g} s"
            data = os.read(self._read, 1 << 16)
            assert data, "the browser ended"
            self._buffer += data
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def start(self, width: int, height: int) -> None:
        """Open a page and listen to all it does."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Log", "Runtime", "Page", "Security"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def open(self, file: Path, hash_: str = "") -> None:
        """Open a file and wait until it and its pictures are there."""
        self._go("about:blank")  # an address that differs in its hash alone would not be loaded again
        self._go(file.resolve().as_uri() + hash_)

    def _go(self, url: str) -> None:
        """Load an address, to the end of this very load."""
        seen = len(self.events)
        loader = self.call("Page.navigate", url=url)["loaderId"]
        wanted = {"name": "load", "loaderId": loader}
        while True:
            for event in self.events[seen:]:
                if event.get("method") == "Page.lifecycleEvent" and wanted.items() <= event["params"].items():
                    return
            seen = len(self.events)
            self.events.append(self._next())

    def run(self, script: str) -> Any:
        """Value of a JavaScript expression."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: str, text: str = "") -> None:
        """Press and release a key."""
        virtual = {"Enter": 13, "ArrowLeft": 37}[key]
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code,
                windowsVirtualKeyCode=virtual,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def screenshot(self, file: Path, whole: bool = False) -> Path:
        """What the page looks like, as PNG."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        file.write_bytes(base64.b64decode(data))
        return file

    def requests(self) -> list[str]:
        """Addresses the page asked for, data URIs and the file itself included."""
        sent = (e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in sent]

    def complaints(self) -> list[str]:
        """Everything in the console: messages, errors, exceptions."""
        found = []
        for event in self.events:
            if event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                found.append(json.dumps(event["params"]))
            if event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
        return found


@contextmanager
def browser(path: str, profile: Path, width: int = 1280, height: int = 900) -> Iterator[Browser]:
    """A browser with a profile of its own, ended at the end."""
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    # the browser reads from file 3 and writes to file 4
    shell = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
    command = ["bash", "-c", shell, "bash", path, *_OPTIONS, f"--user-data-dir={profile}"]
    process = subprocess.Popen(
        command,
        pass_fds=(to_browser, from_browser),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(to_browser)
    os.close(from_browser)
    page = Browser(read, write)
    try:
        page.start(width, height)
        yield page
        page._session = None
        page.call("Browser.close")
    finally:
        os.close(write)
        os.close(read)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
