"""Where everything is kept, and which user the servers run as.

An ordinary user's servers live whole beneath `home()`. PostgreSQL refuses to run as root, so for root the
servers run under a user id of their own. Nothing that exists is opened up for that id: where it cannot
reach `home()` (a checkout beneath /root), the servers' own folders are kept in /var/lib/backend-mentor.

Unix sockets have paths of at most 107 bytes, so they live in a short folder named for a hash of `home()`.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from grader.services.errors import ServiceError, in_words

SERVER_UID = 60817  # in 60706..61183, which neither distributions nor systemd hand out
_MEMORY = Path("/dev/shm")
_ROOM_IN_MEMORY = 2 << 30  # bytes a tmpfs must have free before throw-away clusters live there
_ROOM_ON_DISK = 300 << 20


def home() -> Path:
    """$GRADER_HOME, or `.backend-mentor` in the project's folder."""
    if chosen := os.environ.get("GRADER_HOME"):
        return Path(chosen).expanduser().resolve()
    from grader import catalog

    return Path(catalog.root()) / ".backend-mentor"


@dataclass(frozen=True)
class Places:
    """The folders of one home. All are ours: created here, mode 0700, owned by the servers' user."""

    home: Path
    state: Path  # data of the servers; reachable by their user
    sockets: Path
    volatile: Path  # throw-away clusters: in memory if there is room
    uid: int | None  # the servers' user, None when it is ourselves

    @property
    def records(self) -> Path:
        return self.home / "run"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def folder(self, path: Path) -> Path:
        """Creates `path` for the servers' user, or checks that it is theirs."""
        with in_words(path):
            return _own_folder(path, os.getuid() if self.uid is None else self.uid)

    def socket_folder(self, name: str) -> Path:
        return self.folder(self.folder(self.sockets) / name)


@functools.cache
def _places(home_folder: Path) -> Places:
    uid = SERVER_UID if os.getuid() == 0 else None
    mark = f"{os.getuid()}-{hashlib.sha256(os.fsencode(home_folder)).hexdigest()[:10]}"
    state = home_folder
    if uid is not None and not reachable(home_folder):
        state = Path("/var/lib/backend-mentor") / mark
    return Places(home_folder, state, Path("/tmp") / f"bm-{mark}", _volatile(state, mark), uid)


def places() -> Places:
    """The places of `home()`, with the folders that hold no server's data created."""
    folder = home()
    _make_home(folder)
    found = _places(folder)
    with in_words(folder):
        if found.state != found.home:
            found.state.parent.mkdir(mode=0o711, exist_ok=True)
            found.state.mkdir(mode=0o711, exist_ok=True)
        found.records.mkdir(mode=0o700, exist_ok=True)
        found.logs.mkdir(mode=0o700, exist_ok=True)
    return found


def require_room(folder: Path) -> None:
    """Raises `ServiceError` if `folder` has no room for a new cluster."""
    if shutil.disk_usage(folder).free < _ROOM_ON_DISK:
        raise ServiceError(
            f"The disk that holds {folder} has less than {_ROOM_ON_DISK >> 20} MB free; "
            "free some space, or set GRADER_HOME to a folder on a larger disk."
        )


def builder_uid() -> int:
    """A user with an entry in the password file: initdb looks its own name up there."""
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        others = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise ServiceError("PostgreSQL does not run as root and this system has no other user; add one.")
    return others[0]


def _make_home(folder: Path) -> None:
    if folder.is_dir():
        return
    with in_words(folder):
        folder.mkdir(mode=0o711 if os.getuid() == 0 else 0o700, parents=True, exist_ok=True)


def reachable(folder: Path) -> bool:
    """Whether a user with no rights of its own can pass through `folder` and all above it."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (folder, *folder.parents))


def _volatile(state: Path, mark: str) -> Path:
    """In memory if there was room when it was first made: later calls must find the same place."""
    in_memory, on_disk = _MEMORY / f"backend-mentor-{mark}", state / "volatile"
    if in_memory.exists() or on_disk.exists():
        return in_memory if in_memory.exists() else on_disk
    return in_memory if memory_left() >= _ROOM_IN_MEMORY else on_disk


def memory_left() -> int:
    """Bytes free in the shared-memory file system, 0 if there is none."""
    try:
        usable = os.access(_MEMORY, os.W_OK) and _file_system(_MEMORY) == "tmpfs"
        return shutil.disk_usage(_MEMORY).free if usable else 0
    except OSError:
        return 0


def _file_system(mount: Path) -> str:
    for line in Path("/proc/mounts").read_text().splitlines():
        if line.split()[1] == str(mount):
            return line.split()[2]
    return ""


def _give(path: Path, uid: int) -> None:
    try:
        os.chown(path, uid, uid)
    except OSError as error:
        path.rmdir()
        raise ServiceError(
            "PostgreSQL does not run as root, and this root may not hand a folder to another user "
            f"({error.strerror}); run as an ordinary user."
        ) from error


def _own_folder(path: Path, uid: int) -> Path:
    try:
        path.mkdir(mode=0o700)
        if uid != os.getuid():
            _give(path, uid)
    except FileExistsError:
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid:
            raise ServiceError(f"{path} belongs to somebody else; remove it and try again.") from None
    return path
