"""The library on the disk: its folder, the videos in it, and the pictures beside them."""

import errno
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mydia_web.backends.errors import NotOnServer, Rejected, SignInRefused, Unreachable
from mydia_web.backends.folder import folders
from mydia_web.backends.values import Artwork

LARGEST_PICTURE = 10 * 1024 * 1024
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_MAGIC = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}

_VIDEO_NAMES = """
    3g2 3gp amv asf avi divx dvr-ms evo f4v flv m1v m2t m2ts m2v m4v mk3d mkv mov mp4 mpe mpeg mpg
    mts mxf nsv nuv ogm ogv ogx qt rm rmvb tp trp ts vob webm wm wmv wtv xvid
"""
VIDEOS = frozenset(f".{name}" for name in _VIDEO_NAMES.split())
_SIDECARS = frozenset({".nfo", *_PICTURES})
#: Listed by other players, not here: nothing in them tells what is played.
_UNPLAYED: Mapping[str, str] = {
    **dict.fromkeys(
        (".iso", ".img", ".nrg", ".mdf"), "only video files are read, not images of discs"
    ),
    **dict.fromkeys((".strm", ".disc"), "only video files are read, not links or stand-ins"),
}
_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)
_DISC_VIDEOS = frozenset({"video_ts", "bdmv"})
_DISC_FOLDERS = _DISC_VIDEOS | {"audio_ts", "certificate"}
#: One dot hides a file. A title may begin with more of them, or with `.45`.
_HIDDEN = re.compile(r"\.(?![.\d])")
#: What goes wrong with one entry alone. Anything else (an I/O error, a stale mount) is the disk's
#: trouble.
_ERRORS_OF_ONE_ENTRY = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}


@dataclass(frozen=True, slots=True)
class Root:
    """The library's folder, as it was found. `identity` tells whether it still is the same one."""

    path: Path
    identity: tuple[int, int]

    def holds(self, file: Path) -> bool:
        """Return whether `file` lies inside, links followed to their ends."""
        try:
            return file.resolve(strict=True).is_relative_to(self.path)
        except (OSError, RuntimeError, ValueError):
            return False

    def is_empty(self) -> bool:
        """Return whether nothing at all lies here, as in a mount point without its disk."""
        with os.scandir(self.path) as entries:
            return next(entries, None) is None

    def require_still_there(self) -> None:
        """Raise `Unreachable` once the folder is gone.

        An unmounted disk leaves an empty folder of another identity, or none.
        """
        if _identity(self.path) != self.identity:
            raise Unreachable(
                f"{self.path} went away while it was read. Is its disk still mounted?"
            )


@dataclass(frozen=True, slots=True)
class Directory:
    """The videos of one folder, and by lower-case name the NFO files and pictures beside them."""

    path: PurePosixPath
    videos: Sequence[str]
    sidecars: Mapping[str, str]

    def picture(self, stems: Iterable[str]) -> str:
        """Return the path of the first of these pictures that is there, else ""."""
        for stem in stems:
            for extension in _PICTURES:
                name = self.sidecars.get(f"{stem}{extension}".lower())
                if name:
                    return (self.path / name).as_posix()
        return ""


@dataclass(slots=True)
class Listing:
    """All directories by their paths inside the library, in order, and what could not be read."""

    directories: dict[PurePosixPath, Directory] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def videos(self) -> list[PurePosixPath]:
        return [
            directory.path / name
            for directory in self.directories.values()
            for name in directory.videos
        ]

    def leave_out(self, path: object, reason: str) -> None:
        self.problems.append(f"“{path}” was left out: {reason}.")


def find_root(base_url: str) -> Root:
    """Return the library's folder, readable. Raise an error that says what to do."""
    path = path_of(base_url)
    try:
        # Looking into it comes first: an automounter mounts the disk only then.
        with os.scandir(path) as entries:
            next(entries, None)
        path = path.resolve(strict=True)
    except FileNotFoundError as error:
        raise _not_there(path) from error
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
    return Root(path, _identity(path))


def path_of(base_url: str) -> Path:
    """Return the path of a plain or `file://` address. Raise `Rejected` for no full path."""
    text = base_url.strip()
    if text.lower().startswith("file:"):
        text = _path_of_url(text)
    if not text or "\0" in text or not Path(text).is_absolute():
        shown = text.replace("\0", "�")
        raise Rejected(f"“{shown}” is not a full path. Begin at the root, as in /srv/films.")
    return Path(text)


def _path_of_url(url: str) -> str:
    try:
        host = urlsplit(url).netloc
    except ValueError as error:
        raise Rejected(
            f"“{url}” is not a valid file address. Write it as file:///srv/films."
        ) from error
    if host not in ("", "localhost"):
        raise Rejected(f"“{url}” is on another machine. Mount its folder here and give that path.")
    # `?` and `#` are letters like any other in a path.
    return url2pathname(url[len("file:") :].removeprefix(f"//{host}"))


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _not_there(path) from error
    return status.st_dev, status.st_ino


def _not_there(path: Path) -> Unreachable:
    return Unreachable(f"{path} is not there now. Mount its disk, or correct the path.")


def list_videos(root: Root) -> Listing:
    """List the whole library by names, opening nothing. Raise `Unreachable` if it vanishes."""
    listing = Listing()
    waiting = [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        try:
            subfolders = _list_folder(root, folder, listing)
        except OSError as error:
            _excuse(root, folder, error, listing)
        else:
            waiting += [folder / name for name in reversed(subfolders)]
    root.require_still_there()
    return listing


def _list_folder(root: Root, folder: PurePosixPath, listing: Listing) -> list[str]:
    """Add a folder to the listing and return the names of the folders below it."""
    entries = _entries(root, folder, listing)
    subfolders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    if folders.is_extras_folder(folder.parts, subfolders):
        return []
    names = [entry.name for entry in entries if _is_readable(entry, root, folder, listing)]
    listing.directories[folder] = Directory(
        path=folder,
        videos=_videos(names, folder, listing),
        sidecars={name.lower(): name for name in names if _extension(name) in _SIDECARS},
    )
    return [name for name in subfolders if not _is_of_disc(name, folder, listing)]


def _entries(root: Root, folder: PurePosixPath, listing: Listing) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, in order, without what is not for us or has no name."""
    with os.scandir(root.path / folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    ours = [entry for entry in entries if _is_ours(entry.name)]
    return [entry for entry in ours if _is_text(entry.name, folder, listing)]


def _videos(names: Sequence[str], folder: PurePosixPath, listing: Listing) -> list[str]:
    """Return the names of videos, and note files that only others list as films."""
    videos: list[str] = []
    for name in names:
        stem = name.rpartition(".")[0]
        if folders.is_extra(stem, is_below=bool(folder.parts)):
            continue
        extension = _extension(name)
        if extension in VIDEOS:
            videos.append(name)
        elif extension in _UNPLAYED:
            listing.leave_out(folder / name, _UNPLAYED[extension])
    return videos


def _is_ours(name: str) -> bool:
    return not _HIDDEN.match(name) and name.lower() not in _SYSTEM_FOLDERS


def _is_text(name: str, folder: PurePosixPath, listing: Listing) -> bool:
    """Note a name whose bytes are no text: nothing could store or show it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = (folder / name).as_posix().encode("utf-8", "backslashreplace").decode()
        listing.leave_out(shown, "its name is not valid text. Rename it")
        return False
    return True


def _is_readable(
    entry: os.DirEntry[str], root: Root, folder: PurePosixPath, listing: Listing
) -> bool:
    """Return whether an entry is a file of the library, and note links that lead out of it."""
    if not entry.is_symlink():
        return entry.is_file()
    target = Path(entry.path)
    if root.holds(target):
        return target.is_file()
    if target.is_dir() or _extension(entry.name) in VIDEOS:
        where = "leaves the library's folder" if target.exists() else "leads nowhere"
        listing.leave_out(folder / entry.name, f"it is a link that {where}")
    return False


def _extension(name: str) -> str:
    """Return the extension in lower case, with its dot; a name that is nothing else has none."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if stem and dot else ""


def _is_of_disc(name: str, folder: PurePosixPath, listing: Listing) -> bool:
    if name.lower() in _DISC_VIDEOS:
        listing.leave_out(folder / name, "only video files are read, not disc folders")
    return name.lower() in _DISC_FOLDERS


def _excuse(root: Root, folder: PurePosixPath, error: OSError, listing: Listing) -> None:
    """Note a folder that cannot be read. Raise `Unreachable` where the disk is the trouble."""
    root.require_still_there()
    is_root = folder == PurePosixPath()
    if is_root or error.errno not in _ERRORS_OF_ONE_ENTRY:
        shown = root.path / folder
        raise Unreachable(
            f"{shown} cannot be read: {error.strerror}. Is its disk in order?"
        ) from error
    listing.leave_out(folder, str(error.strerror))


def read_picture(root: Root, url: str) -> Artwork:
    """Read the picture that an `artwork_url` names."""
    file = _file_inside(root, url)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_PICTURE + 1)
    except OSError as error:
        raise NotOnServer(f"The picture “{url}” cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST_PICTURE:
        raise NotOnServer(f"The picture “{url}” is larger than 10 MiB.")
    return Artwork(content, _content_type(url, content))


def _file_inside(root: Root, url: str) -> Path:
    """Return the file `url` names. Where it leads decides, not how it is written."""
    try:
        file = (root.path / url).resolve()
        is_there = file.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise NotOnServer("That is not the name of a picture.") from error
    if not file.is_relative_to(root.path):
        raise Rejected(
            f"“{url}” is outside the library's folder. Pictures are only read inside it."
        )
    if not is_there:
        raise NotOnServer(f"There is no picture “{url}”.")
    return file


def _content_type(url: str, content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for magic, content_type in _MAGIC.items():
        if content.startswith(magic):
            return content_type
    raise NotOnServer(f"“{url}” is not a picture.")
