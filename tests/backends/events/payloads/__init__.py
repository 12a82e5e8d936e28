"""What servers send, as files; README.md says where each is from."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def body(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def payload(name: str) -> Any:
    return json.loads(body(name))
