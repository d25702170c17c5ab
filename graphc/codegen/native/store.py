"""Compiled code on disk, shared by the processes of one user: bytes by key.

The folder belongs to the user alone (mode 0700), or it is not used.  A file is named by its key, the hash of all that
its content depends on, and begins with a checksum of key and content: what is cut short, changed or in the wrong place
counts as missing and is written anew.  Writers go through a temporary file, so that readers see all of a file or none
of it.  A disk that cannot be read or written means that nothing is kept, never that a program fails.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from graphc.config import current
from graphc.records import dataclass

MOST_BYTES = 256 << 20
LARGEST_SHARE = 8  # of `most`, for one file: larger ones would push out all the others
_CHECKSUM = hashlib.sha256().digest_size
_ENDING = ".code"
_TRIMMING = "0"  # the writes that look at all files, one in sixteen


def digest(*parts: str | bytes) -> str:
    """A key for a sequence of texts; where one ends and the next begins matters."""
    sums = (hashlib.sha256(p.encode() if isinstance(p, str) else p).digest() for p in parts)
    return hashlib.sha256(b"".join(sums)).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its size in bytes and when it was last used, in nanoseconds."""

    name: str
    size: int
    used: int

    @property
    def path(self) -> Path:
        return Path(self.name)


@dataclass(frozen=True)
class Store:
    """Files of one folder, `most` bytes in all; the least recently used go first."""

    folder: Path
    most: int = MOST_BYTES

    def get(self, key: str) -> bytes | None:
        """What was kept under a key, byte for byte, or None."""
        path = self._path(key)
        try:
            if self.refusal():
                return None
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        found, content = data[:_CHECKSUM], data[_CHECKSUM:]
        return content if found == _checksum(key, content) else None

    def put(self, key: str, content: bytes) -> None:
        """Keep bytes under a key."""
        if len(content) > self.most // LARGEST_SHARE:
            return
        with suppress(OSError):
            self.folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
            if not self.refusal():
                self._write(self._path(key), _checksum(key, content) + content)
                if key.startswith(_TRIMMING):
                    self.trim()

    def refusal(self) -> str:
        """Why the folder is not used, or ""."""
        try:
            status = self.folder.stat()
        except FileNotFoundError:
            return "nothing was written to it yet"
        except OSError as error:
            return f"it cannot be opened: {error.strerror}"
        if not stat.S_ISDIR(status.st_mode):
            return "it is not a folder"
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            return "it belongs to somebody else"
        return "others may read or write it" if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) else ""

    def entries(self) -> list[Entry]:
        """All files, the most recently used first."""
        return sorted(self._scan(), key=lambda e: e.used, reverse=True) if not self.refusal() else []

    def trim(self) -> None:
        """Remove what was not used for longest, until the rest fits."""
        left = self.most
        for entry in self.entries():
            left -= entry.size
            if left < 0:
                entry.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every file."""
        for entry in self.entries():
            entry.path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_ENDING}"

    def _scan(self) -> Iterator[Entry]:
        with os.scandir(self.folder) as files:
            for file in files:
                with suppress(FileNotFoundError):  # another process removed it meanwhile
                    status = file.stat()
                    yield Entry(file.path, status.st_size, status.st_mtime_ns)

    def _write(self, path: Path, data: bytes) -> None:
        part = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        try:
            part.write_bytes(data)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def _checksum(key: str, content: bytes) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def store() -> Store | None:
    """The store of this process, or None where it is switched off."""
    folder = current().cache_dir
    return Store(folder) if folder else None


def kept(key: str, make: Callable[[], bytes]) -> bytes:
    """What is kept under a key, else what `make` gives, which is kept from then on."""
    files = store()
    found = files.get(key) if files else None
    if found is not None:
        return found
    made = make()
    if files:
        files.put(key, made)
    return made


__all__ = ["Entry", "Store", "digest", "kept", "store"]
