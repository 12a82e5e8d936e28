"""Processes that upgrade one database at the same moment: `python -m tests.schema.race ADDRESS
NUMBER`.
"""

import os
import sys
import tempfile
import traceback

from flask import Flask
from flask_migrate import upgrade

from mydia_web import create_app
from mydia_web.config import Settings


def main(address: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=folder, database_url=address, secret_key="only for tests")
        app = create_app({"SETTINGS": settings})
        start, fire = os.pipe()
        children = [_fork(app, start, fire) for _ in range(number)]
        os.close(fire)
        ends = [os.waitpid(child, 0)[1] for child in children]
        print(sum(end == 0 for end in ends), "succeeded")


def _fork(app: Flask, start: int, fire: int) -> int:
    if child := os.fork():
        return child
    os.close(fire)
    # Nothing is ever written: all children wake when the parent closes its end.
    os.read(start, 1)
    try:
        with app.app_context():
            upgrade()
    except BaseException:  # noqa: BLE001 - of whatever kind, the parent must hear of it
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
