"""The wall between answers and the host: the command that starts a box, strong or weak."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grader
from grader.checks.exercise import InfrastructureFault
from grader.judge.box import landlock
from grader.services.places import places
from grader.services.programs import Programs, programs

BOX_UID = 60818  # beside the servers' own id: 60706..61183 is handed out by nobody
TEMPLATE = "/template"  # where a box sees what its servers start from: data/, and ready/ to be laid over it
DATA = "/data"
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_PASSWD = b"learner:x:1000:1000::/tmp:/bin/sh\n"
_ROOT_TMPFS = 8 << 20  # bytes of /tmp in the box itself; compartments mount their own


class BoxUnavailable(InfrastructureFault):
    """This machine cannot give the box that was asked for; the message says what to do."""


@dataclass(frozen=True)
class Interpreter:
    """The Python that runs inside, and where it finds modules."""

    executable: str
    path: tuple[str, ...] = ()


def runs_as() -> int:
    """The host's uid of everything in a box: never root."""
    return BOX_UID if os.getuid() == 0 else os.getuid()


def choose_level() -> str:
    """ "bubblewrap" or, where it cannot work, "landlock". Raises BoxUnavailable where neither can."""
    why = bubblewrap_problem()
    if not why:
        return "bubblewrap"
    if landlock.version() >= 1:
        return "landlock"
    raise BoxUnavailable(f"{why} The weaker box is not possible either: this kernel has no Landlock.")


@functools.cache
def bubblewrap_problem() -> str:
    """Why bubblewrap with nested namespaces does not work here, in one sentence; empty if it does."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)."
    probe = [*_drop_root(), "/usr/bin/unshare", "--user", "--net", "--mount", "/bin/true"]
    base = [*_bubblewrap(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", *probe]
    tried = subprocess.run(base, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if tried.returncode == 0:
        return ""
    said = (tried.stderr.strip().splitlines() or ["it said nothing"])[-1]
    return (
        f"bubblewrap cannot make namespaces here ({said}). On Ubuntu allow them with an AppArmor profile for bwrap; "
        "in Docker start the container with --security-opt seccomp=unconfined."
    )


def strong_command(fd: int, folder: Path, template: Path) -> tuple[list[str], dict[str, Any]]:
    """Command and Popen options for a box in bubblewrap; its options travel in a descriptor, not in argv."""
    python = _interpreter(None)
    options = [
        *_bubblewrap()[1:],
        "--clearenv",
        "--setenv",
        "PATH",
        "/usr/bin:/bin",
        "--setenv",
        "HOME",
        "/tmp",
    ]
    for name, value in _python_environment(python).items():
        options += ["--setenv", name, value]
    options += ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    passwd = _memory_file(_PASSWD)
    options += ["--perms", "0644", "--ro-bind-data", str(passwd), "/etc/passwd"]
    options += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--proc", "/proc", "--dev", "/dev"]
    options += ["--perms", "1777", "--size", str(_ROOT_TMPFS), "--tmpfs", "/tmp"]
    seen: set[Path] = set()
    for path in _code(python):
        options += [*_parents(path, seen), "--ro-bind", str(path), str(path)]
    options += ["--perms", "0755", "--dir", DATA, "--perms", "0755", "--dir", TEMPLATE]
    for name in ("data", "ready"):  # and not what lies beside them: the passwords are the judge's alone
        options += ["--ro-bind", str(template / name), f"{TEMPLATE}/{name}"]
    options += [*_parents(folder, seen), "--bind", str(folder), str(folder), "--remount-ro", "/"]
    arguments = _memory_file(b"\0".join(os.fsencode(o) for o in options) + b"\0")
    inside = [*_drop_root(), python.executable, "-m", "grader.judge.box.inside", str(fd), "--nest"]
    command = ["bwrap", "--args", str(arguments), "--", *inside]
    return command, {"pass_fds": (fd, arguments, passwd), "cwd": "/"}


def weak_command(fd: int) -> tuple[list[str], dict[str, Any]]:
    """Command and Popen options for a box without namespaces: its compartments restrict themselves."""
    uid = runs_as()
    python = _interpreter(uid)
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **_python_environment(python)}
    other = {"user": uid, "group": uid, "extra_groups": []} if os.getuid() == 0 else {}
    if python.executable != sys.executable:  # a linked copy looks for its library where ours has it
        environ["LD_LIBRARY_PATH"] = str(Path(python.executable).parents[1] / "lib")
    command = [python.executable, "-m", "grader.judge.box.inside", str(fd)]
    return command, {"pass_fds": (fd,), "cwd": "/", "env": environ, **other}


def weak_readable() -> tuple[str, ...]:
    """What a landlocked process may read: programs and libraries, no home, no project but this package."""
    system = ("/usr", *_SYSTEM, "/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/urandom")
    return (*system, *(str(p) for p in _code(_interpreter(runs_as()))))


@functools.cache
def code_below(*folders: str) -> tuple[str, ...]:
    """Code that lies below one of `folders`, which a compartment covers with an empty folder of its own."""
    code = _code(_interpreter(None))
    return tuple(str(path) for path in code if any(path.is_relative_to(folder) for folder in folders))


def server_programs() -> Programs:
    return programs(places())


def _bubblewrap() -> list[str]:
    spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.getuid() != 0:
        return ["bwrap", "--unshare-user", *spaces, "--die-with-parent", "--new-session"]
    # As root no user namespace is needed here, and another uid on the host is worth more than a mapped one.
    kept = ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return ["bwrap", *spaces, *kept, "--die-with-parent", "--new-session"]


def _drop_root() -> list[str]:
    if os.getuid() != 0:
        return []
    ids = ["--reuid", str(BOX_UID), "--regid", str(BOX_UID), "--clear-groups"]
    return ["/usr/bin/setpriv", *ids, "--inh-caps=-all", "--no-new-privs", "--"]


def _python_environment(python: Interpreter) -> dict[str, str]:
    environ = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore", "LANG": "C.UTF-8"}
    return {**environ, "PYTHONPATH": os.pathsep.join(python.path)} if python.path else environ


def _interpreter(uid: int | None) -> Interpreter:
    """Ours, or a linked copy of it where the box's user cannot reach ours (uid None: the wall sees to that)."""
    if uid is None or uid == os.getuid() or _passable(Path(sys.executable).resolve()):
        return Interpreter(sys.executable, _extra_path())
    site = Path(sysconfig.get_path("purelib"))
    if not (_passable(site / "x") and _passable(_package() / "x")):
        raise BoxUnavailable(
            "This project lies in a folder only root may enter, so the weaker box's user cannot run it; "
            "move it where everybody may pass through (/opt, /srv), or run as an ordinary user."
        )
    base = _linked_python()
    return Interpreter(
        str(base / "bin" / Path(sys.executable).resolve().name), (str(site), str(_package().parent))
    )


@functools.cache
def _linked_python() -> Path:
    """Our interpreter and its library, hard-linked once into a folder of ours that everybody may enter."""
    origin = Path(sys.base_prefix)
    target = places().state / f"python-{origin.stat().st_ino:x}-{sys.hexversion:x}"
    if not target.exists():
        building = target.with_name(f"{target.name}.building-{os.getpid()}")
        link = functools.partial(shutil.copytree, symlinks=True, copy_function=_link)
        ignored = shutil.ignore_patterns("site-packages", "__pycache__", "test", "tests", "idlelib")
        for name in ("bin", "lib"):
            link(origin / name, building / name, ignore=ignored)
        for folder in (building, *(p for p in building.rglob("*") if p.is_dir() and not p.is_symlink())):
            folder.chmod(0o755)
        building.rename(target)
    return target


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)


def _extra_path() -> tuple[str, ...]:
    """Where `grader` is imported from when it is not installed but on the path (a checkout under test)."""
    parent = _package().parent
    return () if parent == Path(sysconfig.get_path("purelib")) else (str(parent),)


def _package() -> Path:
    return Path(grader.__file__).resolve().parent


def _code(python: Interpreter) -> list[Path]:
    """Folders of interpreter, installed packages, this package and the servers' programs, outside /usr."""
    found = programs(places())
    base = found.postgres.parents[3]
    site = Path(sysconfig.get_path("purelib"))
    paths = [Path(sys.prefix), Path(sys.base_prefix), _package(), site, base]
    if python.executable != sys.executable:
        paths = [Path(python.executable).parents[1], site, _package(), base]
    kept: list[Path] = []
    for path in paths:
        covered = path.is_relative_to("/usr") or any(path.is_relative_to(k) for k in kept)
        if not covered:
            kept.append(path)
    return kept


def _parents(path: Path, seen: set[Path]) -> list[str]:
    """Options that make the folders above a mount point passable, whatever they are on the host."""
    options: list[str] = []
    for parent in reversed(path.parents):
        if str(parent) not in ("/", "/tmp", "/usr") and parent not in seen:
            seen.add(parent)
            options += ["--perms", "0755", "--dir", str(parent)]
    return options


def _passable(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _memory_file(data: bytes) -> int:
    fd = os.memfd_create("grader-box", 0)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def close_all(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)
