"""Commands as processes: from any folder, without settings, and with wrong ones."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home and no setting but the data folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "MYDIA_DATA_DIR": str(tmp_path / "data"),
    }


def run(*words: str, environment: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / words[0]), *words[1:]]
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=180, check=False
    )


def test_plain_flask_sync_queue_works_in_any_folder_on_an_empty_database(environment, tmp_path):
    result = run("flask", "sync-queue", environment=environment, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Nothing is due.\n", "")


def test_the_secret_key_is_made_once_and_closed_to_others(environment, tmp_path):
    run("mydia-web", "users", "list", environment=environment, cwd=tmp_path)
    key = tmp_path / "data" / "secret_key"
    first = key.read_text()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    run("mydia-web", "users", "list", environment=environment, cwd=tmp_path)
    assert key.read_text() == first


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("MYDIA_PORT", "http", "Error: MYDIA_PORT: "),
        ("MYDIA_WATCHED_AT", "90", "Error: MYDIA_WATCHED_AT: must be from 0.5 to 1."),
        ("MYDIA_DATABASE_URL", "mysql://x", "Error: MYDIA_DATABASE_URL: only sqlite"),
        (
            "MYDIA_EMBEDDED_WORKER",
            "perhaps",
            "Error: MYDIA_EMBEDDED_WORKER: must be true or false.",
        ),
        ("MYDIA_SECRET_KEY_FILE", "/nowhere", "Error: MYDIA_SECRET_KEY_FILE: cannot read /nowhere"),
        ("MYDIA_DATA_DIR", "/proc/nowhere", "Error: MYDIA_DATA_DIR: cannot make /proc/nowhere"),
    ],
)
def test_a_wrong_setting_is_one_line(environment, tmp_path, setting, value, message):
    result = run(
        "mydia-web", "users", "list", environment=environment | {setting: value}, cwd=tmp_path
    )
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


def test_the_server_says_where_it_is_and_ends_cleanly(environment, tmp_path):
    server = subprocess.Popen(
        [BIN / "mydia-web"],
        env=environment | {"MYDIA_PORT": "0"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = server.stdout.readline()
        address = re.search(r"open (http://localhost:\d+/)", line).group(1)
        with urllib.request.urlopen(address, timeout=10) as page:
            assert page.url.endswith("/setup")
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) == 0
    finally:
        server.kill()
        server.communicate()


def test_a_port_in_use_is_one_line(environment, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run(
            "mydia-web", "serve", environment=environment | {"MYDIA_PORT": port}, cwd=tmp_path
        )
    assert result.returncode == 1
    assert "Choose another with MYDIA_PORT" in result.stderr
    assert "Traceback" not in result.stderr
