"""The running time of a video, by `ffprobe` where it is installed."""

import json
import math
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

#: Seconds.
TIME_LIMIT = 10
_LONGEST = 100 * 3600
#: Characters of its complaint that are shown.
_QUOTED = 120
# The whitelist keeps a playlist from fetching.
_OPTIONS = (
    *("-v", "error"),
    *("-protocol_whitelist", "file"),
    *("-show_entries", "format=duration"),
    *("-of", "json"),
)


class MeasureError(Exception):
    """`ffprobe` could not tell; the message says why."""


def program() -> str | None:
    return shutil.which("ffprobe")


def seconds(ffprobe: str, file: Path) -> int | None:
    """Measure `file`, once as long as it does not change. Raise `MeasureError`."""
    try:
        status = file.stat()
    except OSError as error:
        raise MeasureError(error.strerror or "it cannot be opened") from error
    if not status.st_size:
        raise MeasureError("it is empty")
    return _measured(ffprobe, str(file), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=65536)
def _measured(ffprobe: str, path: str, mtime_ns: int, size: int) -> int | None:  # noqa: ARG001 - they are the key
    # `file:` keeps a name from being an option or an address.
    command = [ffprobe, *_OPTIONS, f"file:{path}"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the path is guarded
            command, capture_output=True, timeout=TIME_LIMIT, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise MeasureError(f"ffprobe took longer than {TIME_LIMIT} seconds") from error
    except OSError as error:
        raise MeasureError(f"ffprobe could not be started: {error.strerror}") from error
    if done.returncode:
        raise MeasureError(_complaint(done.stderr))
    return _duration(done.stdout)


def _complaint(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return "ffprobe cannot read it"
    reason = lines[-1].rpartition(": ")[2]
    return f"ffprobe says “{reason[:_QUOTED]}”"


def _duration(output: bytes) -> int | None:
    """Return whole seconds; None for a container that does not tell."""
    try:
        length = float(json.loads(output)["format"]["duration"])
    except (ValueError, KeyError, TypeError):
        return None
    is_sound = math.isfinite(length) and 0 < length <= _LONGEST
    return round(length) if is_sound else None
