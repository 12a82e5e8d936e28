"""The folder a connection names: found, refused in words, and watched for vanishing."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mydia_web.backends.errors import Rejected, SignInRefused, Unreachable


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that was there. `identity` tells whether it still is the same one."""

    path: Path
    identity: tuple[int, int]

    def holds(self, file: Path) -> bool:
        """Whether `file` lies inside, links followed to their ends."""
        try:
            return file.resolve(strict=True).is_relative_to(self.path)
        except (OSError, RuntimeError, ValueError):
            return False

    def require_still_there(self) -> None:
        """An unmounted disk leaves an empty folder of another identity, or none."""
        if _identity(self.path) != self.identity:
            raise Unreachable(
                f"{self.path} went away while it was read. Is its disk still mounted?"
            )


def find(base_url: str) -> Place:
    """The folder, readable; raises in words that say what to do."""
    path = path_of(base_url)
    try:
        # Looking into it comes first: an automounter mounts the disk only then.
        with os.scandir(path) as entries:
            next(entries, None)
        path = path.resolve(strict=True)
    except FileNotFoundError as error:
        raise Unreachable(
            f"{path} is not there now. Mount its disk, or correct the path."
        ) from error
    except NotADirectoryError as error:
        raise Rejected(
            f"{path} is a file, not a folder. Give the folder that holds the films."
        ) from error
    except PermissionError as error:
        raise SignInRefused(
            f"mydia-web may not read {path}. Give its user the right to read it."
        ) from error
    except (OSError, RuntimeError) as error:
        raise Unreachable(f"{path} cannot be read: {error}. Is its disk in order?") from error
    return Place(path, _identity(path))


def path_of(base_url: str) -> Path:
    """The path of a plain or `file://` address; refuses what is no full path."""
    text = base_url.strip()
    if text.lower().startswith("file:"):
        text = _path_of_url(text)
    if not text or "\0" in text or not Path(text).is_absolute():
        shown = text.replace("\0", "�")
        raise Rejected(f"“{shown}” is not a full path. Begin at the root, as in /srv/films.")
    return Path(text)


def _path_of_url(url: str) -> str:
    try:
        address = urlsplit(url)
    except ValueError as error:
        raise Rejected(
            f"“{url}” is not a valid file address. Write it as file:///srv/films."
        ) from error
    if address.netloc not in ("", "localhost"):
        raise Rejected(f"“{url}” is on another machine. Mount its folder here and give that path.")
    # `?` and `#` are letters like any other in a path.
    return url2pathname(url[len("file:") :].removeprefix(f"//{address.netloc}"))


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise Unreachable(
            f"{path} is not there now. Mount its disk, or correct the path."
        ) from error
    return status.st_dev, status.st_ino
