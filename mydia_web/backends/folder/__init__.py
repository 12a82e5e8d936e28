"""The backend of kind `folder`: films and shows as files on a disk, which keeps no watch state."""

from mydia_web.backends.folder.client import Folder

__all__ = ["Folder"]
