"""Which video files a folder holds: one look at names, nothing is opened."""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mydia_web.backends.errors import Unreachable
from mydia_web.backends.folder import extras
from mydia_web.backends.folder.place import Place

VIDEOS = frozenset(
    f".{extension}"
    for extension in (
        *(
            "3gp",
            "asf",
            "avi",
            "divx",
            "f4v",
            "flv",
            "m2ts",
            "m4v",
            "mk3d",
            "mkv",
            "mov",
            "mp4",
            "mpeg",
            "mpg",
        ),
        *("mts", "ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv", "wtv"),
        *(
            "3g2",
            "amv",
            "dvr-ms",
            "evo",
            "m1v",
            "m2t",
            "m2v",
            "mpe",
            "mxf",
            "nsv",
            "nuv",
            "ogx",
            "qt",
            "tp",
            "trp",
        ),
        *("wm", "xvid"),
    )
)
ASIDES = frozenset({".nfo", ".jpg", ".jpeg", ".png", ".webp", ".gif"})

#: Listed by other players, not here: nothing in them tells what is played.
_UNPLAYED: Mapping[str, str] = {
    **dict.fromkeys(("iso", "img", "nrg", "mdf"), "only video files are read, not images of discs"),
    **dict.fromkeys(("strm", "disc"), "only video files are read, not links or stand-ins"),
}
_NOT_OURS = frozenset(
    {"@eadir", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)
_DISCS = frozenset({"video_ts", "bdmv", "audio_ts", "certificate"})
#: What goes wrong with one entry alone. Anything else (an I/O error, a stale mount) is the disk's
#: trouble.
_ONE_ENTRY = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """One folder: its videos, and by lower-case name the NFO files and pictures beside them."""

    folder: PurePosixPath
    videos: Sequence[str]
    asides: Mapping[str, str]


@dataclass(slots=True)
class Holdings:
    """Every shelf by its path inside the library, in order, and what could not be read."""

    shelves: dict[PurePosixPath, Shelf] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def videos(self) -> list[PurePosixPath]:
        return [shelf.folder / name for shelf in self.shelves.values() for name in shelf.videos]


def walk(place: Place) -> Holdings:
    """List the whole folder; raises `Unreachable` when it vanishes meanwhile."""
    holdings, waiting = Holdings(), [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        try:
            subfolders = _look_into(place, folder, holdings)
        except OSError as error:
            _excuse(place, folder, error, holdings)
        else:
            waiting += [folder / name for name in reversed(subfolders)]
    place.require_still_there()
    return holdings


def is_bare(place: Place) -> bool:
    """Whether nothing at all lies in the folder: the look of a mount point without its disk."""
    with os.scandir(place.path) as entries:
        return next(entries, None) is None


def _look_into(place: Place, folder: PurePosixPath, holdings: Holdings) -> list[str]:
    with os.scandir(place.path / folder) as entries:
        found = sorted(
            (entry for entry in entries if _is_ours(entry.name)), key=lambda entry: entry.name
        )
    named = [entry for entry in found if _has_words(entry.name, folder, holdings)]
    subfolders = [entry.name for entry in named if entry.is_dir(follow_symlinks=False)]
    if extras.is_extras_folder(folder.parts, subfolders):
        return []
    files = [name for entry in named if (name := _file(entry, place, folder, holdings))]
    listed = [name for name in files if not _is_extra(name, folder)]
    videos = [name for name in listed if _extension(name) in VIDEOS]
    holdings.problems += [problem for name in listed if (problem := _unplayed(name, folder))]
    asides = {name.lower(): name for name in files if _extension(name) in ASIDES}
    holdings.shelves[folder] = Shelf(folder, videos, asides)
    return [name for name in subfolders if not _is_disc(name, folder, holdings)]


def _is_ours(name: str) -> bool:
    """One dot hides a file. A title may begin with more of them, or with `.45`."""
    is_hidden = name.startswith(".") and not re.match(r"\.[.\d]", name)
    return not is_hidden and name.lower() not in _NOT_OURS


def _has_words(name: str, folder: PurePosixPath, holdings: Holdings) -> bool:
    """False, and told, for a name whose bytes are no text: nothing could store or show it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = (folder / name).as_posix().encode("utf-8", "backslashreplace").decode()
        holdings.problems.append(f"“{shown}” was left out: its name is not valid text. Rename it.")
        return False
    return True


def _file(entry: os.DirEntry[str], place: Place, folder: PurePosixPath, holdings: Holdings) -> str:
    """The name of a file worth listing, else an empty one."""
    if entry.is_symlink():
        return entry.name if _may_follow(entry, place, folder, holdings) else ""
    return entry.name if entry.is_file() else ""


def _may_follow(
    entry: os.DirEntry[str], place: Place, folder: PurePosixPath, holdings: Holdings
) -> bool:
    shown, target = folder / entry.name, Path(entry.path)
    if place.holds(target):
        return target.is_file()
    if target.is_dir() or _extension(entry.name) in VIDEOS:
        where = "leaves the library's folder" if target.exists() else "leads nowhere"
        holdings.problems.append(f"“{shown}” was left out: it is a link that {where}.")
    return False


def _is_extra(name: str, folder: PurePosixPath) -> bool:
    return extras.is_extra(name.rpartition(".")[0], is_below=bool(folder.parts))


def _unplayed(name: str, folder: PurePosixPath) -> str:
    """Return why a file is left out that others list as a film; "" for all that are none."""
    reason = _UNPLAYED.get(_extension(name)[1:])
    return f"“{folder / name}” was left out: {reason}." if reason else ""


def _extension(name: str) -> str:
    """Return the extension, with its dot; a name that is nothing else has none."""
    stem, dot, extension = name.rpartition(".")
    return f".{extension.lower()}" if stem and dot else ""


def _is_disc(name: str, folder: PurePosixPath, holdings: Holdings) -> bool:
    if name.lower() not in _DISCS:
        return False
    if name.lower() in ("video_ts", "bdmv"):
        holdings.problems.append(
            f"“{folder / name}” was left out: only video files are read, not disc folders."
        )
    return True


def _excuse(place: Place, folder: PurePosixPath, error: OSError, holdings: Holdings) -> None:
    place.require_still_there()
    if error.errno not in _ONE_ENTRY or folder == PurePosixPath():
        shown = place.path / folder
        raise Unreachable(
            f"{shown} cannot be read: {error.strerror}. Is its disk in order?"
        ) from error
    holdings.problems.append(f"“{folder}” was left out: {error.strerror}.")
