"""A real Kodi, headless, started by the scripts in ../shared/real-servers; a skip where that cannot
be.
"""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.once import one_at_a_time

SHARED = Path(os.environ.get("MYDIA_SHARED", Path(__file__).parents[2] / "shared"))
SCRIPTS = SHARED / "real-servers"
#: A first start makes three films of 40 minutes: some ten seconds.
START_SECONDS = 180


@dataclass
class RealKodi:
    """Kodi with three films and two shows of two seasons with three episodes each."""

    home: Path
    #: Its films. All Kodis of a run share them: making them takes longer than starting Kodi.
    media: Path
    timezone: str = "Etc/UTC"
    username: str = "kodi"
    password: str = "secret"
    port: int = field(default_factory=lambda: _free_port())
    tcp_port: int = field(default_factory=lambda: _free_port())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"username": self.username, "password": self.password}

    def start(self) -> None:
        """Start it with the state it had; does nothing while it runs."""
        command = ["bash", str(SCRIPTS / "start-kodi.sh"), "--no-install", "--home", str(self.home)]
        command += ["--media", str(self.media)]
        command += [
            "--port",
            str(self.port),
            "--tcp-port",
            str(self.tcp_port),
            "--timezone",
            self.timezone,
        ]
        command += ["--user", self.username, "--password", self.password]
        # The first one makes the films. Into a file: Kodi stays and would keep a pipe open.
        with (self.home / "start.log").open("w+") as log, one_at_a_time(self.media):
            subprocess.run(command, stdout=log, stderr=log, timeout=START_SECONDS, check=True)

    def stop(self) -> None:
        subprocess.run(
            ["bash", SCRIPTS / "stop-kodi.sh", "--home", self.home],
            capture_output=True,
            timeout=60,
            check=False,
        )

    def rpc(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of one call; asserts that there is one."""
        body = json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        ).encode()
        login = b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {login}"}
        with urlopen(Request(f"{self.url}/jsonrpc", body, headers), timeout=30) as response:
            answer = json.load(response)
        assert "result" in answer, answer
        return answer["result"]


@contextmanager
def real_kodi(media: Path, timezone: str = "Etc/UTC") -> Iterator[RealKodi]:
    """For a fixture of module scope: starting takes some ten seconds."""
    if reason := why_not():
        pytest.skip(reason)
    # Not in pytest's folder, which keeps the last three runs: a home has 30 MB.
    kodi = RealKodi(Path(tempfile.mkdtemp(prefix="mydia-kodi-")), media, timezone)
    try:
        try:
            kodi.start()
        except subprocess.SubprocessError as error:
            log = (kodi.home / "start.log").read_text(errors="replace").strip()
            pytest.skip(f"Kodi could not be started: {error}: {log[-300:]}")
        yield kodi
    finally:
        kodi.stop()
        shutil.rmtree(kodi.home, ignore_errors=True)


def why_not() -> str:
    """Why no Kodi can be started here; "" where it can be tried."""
    if not (SCRIPTS / "start-kodi.sh").is_file():
        return f"the scripts that start Kodi are not in {SCRIPTS}"
    for program in ("kodi", "Xvfb", "ffmpeg", "ip"):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "starting Kodi takes root, for a network namespace"
    return ""


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])
