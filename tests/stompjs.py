"""A STOMP client that is not ours (@stomp/stompjs on node), for tests; `make .venv/npm/.installed` brings it."""

import json
import queue
import shutil
import subprocess
import threading
from typing import Any

import pytest

from config.local.places import PROJECT

PACKAGES = PROJECT / ".venv" / "npm" / "node_modules"
PROGRAM = PROJECT / "tests" / "oracles" / "npm" / "stomp.mjs"


class StompJs:
    """One running client that follows one destination; `told` holds everything that it said so far."""

    def __init__(self, url: str, destination: str, *, key: str = "", beats: int = 10_000) -> None:
        node = shutil.which("node")
        if node is None or not (PACKAGES / "@stomp").is_dir():
            pytest.skip(
                "NO STOMP CLIENT of somebody else's: the STOMP door was not tried with it. `make test` says why."
            )
        words = json.dumps({"url": url, "destination": destination, "key": key, "beats": beats})
        self._process = subprocess.Popen(
            [node, str(PROGRAM), str(PACKAGES), words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.told: list[dict[str, Any]] = []
        self._news: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            told = json.loads(line)
            self.told.append(told)
            self._news.put(told)

    def hears(self, told: str, seconds: float = 20.0) -> dict[str, Any]:
        """The next thing of this kind; what comes before it is passed over."""
        while (news := self._news.get(timeout=seconds))["told"] != told:
            pass
        return news

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The bodies of all messages so far."""
        return [told["frame"] for told in self.told if told["told"] == "message"]

    def does(self, what: str) -> None:
        """Let it `send` (which is not allowed) or `stop`."""
        assert self._process.stdin
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """End it, however it is."""
        self._process.kill()
        self._process.wait()
        self._reader.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
