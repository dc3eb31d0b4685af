"""Start-up probes: attempts to get out of the box, made from inside it, each of which must fail.

Run before a class is judged. A box that lets one through is not used: there is no silent fallback.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grader import catalog
from grader.checks.exercise import InfrastructureFault, LabChecks
from grader.judge.answer import JudgedAnswer
from grader.judge.box.launcher import BoxedPlace, BoxLauncher

# What the weaker box is known to let through, by design of Landlock; named in every report of it.
WEAKNESSES = {
    "landlock": {
        "sees_host_processes": "an answer can list the numbers of other processes (not their memory)",
        "unix_socket_by_path": "an answer can connect to unix sockets the box's user may reach by path",
        "disk_is_watched": "an answer that fills the disk is stopped only after the fact, some hundred megabytes late",
    }
}

_PROBES = """
import ctypes, os, socket, subprocess

def _attempt(function):
    try:
        return bool(function())
    except BaseException:
        return False

def _read(path):
    with open(path, "rb") as file:
        return file.read(1)

def _connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as sock:
        sock.settimeout(1)
        sock.connect(address)
        return True

def _write(path):
    with open(path, "ab") as file:
        file.write(b"")
    return True

def _postgres(url):
    import psycopg
    with psycopg.connect(url, connect_timeout=2):
        return True

def _udp():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("192.0.2.1", 9))
        return True

def _raises_its_limits():
    import resource
    soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (hard + 1, hard + 1))
    return True

def attempts(aims):
    libc = ctypes.CDLL(None, use_errno=True)
    found = {
        "is_root": os.geteuid() == 0,
        "becomes_root": _attempt(lambda: os.setuid(0) or True),
        "reads_a_secret_by_path": _attempt(lambda: _read(aims["secret"])),
        "lists_the_solutions": _attempt(lambda: os.listdir(aims["solutions"]) or True),
        "reads_the_password_file": _attempt(lambda: _read("/etc/shadow")),
        "reads_the_servers_template": _attempt(lambda: os.listdir(aims["template"])),
        "writes_to_the_packages": _attempt(lambda: _write(aims["package"])),
        "writes_to_the_shared_folder": _attempt(lambda: _write(aims["shared"] + "/mark")),
        "sees_host_processes": _attempt(lambda: [p for p in os.listdir("/proc") if p.isdigit() and int(p) == aims["pid"]]),
        "reads_the_judges_memory": _attempt(lambda: _read("/proc/%d/mem" % aims["pid"]) or True),
        "reads_the_judges_environment": _attempt(lambda: _read("/proc/%d/environ" % aims["pid"])),
        "signals_the_judge": _attempt(lambda: os.kill(aims["pid"], 0) or True),
        "traces_a_process": libc.ptrace(16, aims["pid"], 0, 0) == 0,
        "makes_a_user_namespace": libc.unshare(0x10000000) == 0,
        "mounts": libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0,
        "raises_its_limits": _attempt(_raises_its_limits),
        "tcp_to_the_host": _attempt(lambda: _connect(socket.AF_INET, ("127.0.0.1", aims["port"]))),
        "abstract_socket_of_the_host": _attempt(lambda: _connect(socket.AF_UNIX, aims["abstract"])),
        "unix_socket_by_path": _attempt(lambda: _connect(socket.AF_UNIX, aims["socket"])),
        "udp_to_the_world": _attempt(_udp),
        "logs_in_as_admin": _attempt(lambda: _postgres(aims["admin"])),
        "logs_in_as_judge": _attempt(lambda: _postgres(aims["judge"])),
        "opens_a_disk": _attempt(lambda: [_read("/dev/" + d) for d in ("vda", "sda", "nvme0n1", "mem", "kmsg") if os.path.exists("/dev/" + d)]),
    }
    # The control: what must work, so that "nothing got through" does not mean "nothing ran".
    found["control"] = _attempt(lambda: _postgres(aims["learner"])) and _attempt(lambda: _write("mark"))
    return found
"""


class BoxLeaks(InfrastructureFault):
    """A probe got out: the box must not be used."""


@dataclass(frozen=True)
class Report:
    """What the probes found. `expected` are the level's known weaknesses: those found, and those no probe tries."""

    level: str
    attempts: int
    breaches: tuple[str, ...]
    expected: Mapping[str, str]


def run(launcher: BoxLauncher) -> Report:
    """Makes every attempt. Raises BoxLeaks if one succeeds that should not, or if the probe itself failed."""
    checks = LabChecks("00-probes")

    @checks.exercise("attempts", points=1, hints=("", "", ""))
    def drive(answer: Any, bench: Any) -> None:
        return None

    with (
        launcher.open() as place,
        tempfile.TemporaryDirectory() as folder,
        _Aims(place, Path(folder)) as aims,
    ):
        answer = JudgedAnswer(_PROBES, drive, "", place)
        reply = answer.spawn().call("attempts", aims.targets, timeout=30.0)
        answer.close()
    found = reply.value
    if not isinstance(found, dict) or not found.pop("control", False):
        raise BoxLeaks(
            f"The probes could not run in the {launcher.name} box ({reply.error or reply.ended or found})."
        )
    known = WEAKNESSES.get(launcher.name, {})
    breaches = tuple(sorted(name for name, through in found.items() if through))
    if surprising := [name for name in breaches if name not in known]:
        raise BoxLeaks(
            f"The {launcher.name} box does not hold here: {', '.join(surprising)}. Nothing was judged; "
            "run on another machine, or use --trusted for code you trust."
        )
    return Report(
        launcher.name,
        len(found),
        breaches,
        {n: w for n, w in known.items() if n in breaches or n not in found},
    )


class _Aims:
    """Things on the host worth reaching, real ones, made for the probes."""

    def __init__(self, place: BoxedPlace, folder: Path) -> None:
        secret = folder / "secret"
        secret.write_text("a course seed")
        folder.chmod(0o755)
        self._tcp = socket.create_server(("127.0.0.1", 0))
        self._abstract = socket.socket(socket.AF_UNIX)
        name = f"\0grader-probe-{os.getpid()}-{os.urandom(4).hex()}"
        self._abstract.bind(name)
        self._abstract.listen()
        self._path = socket.socket(socket.AF_UNIX)
        self._path.bind(str(folder / "s"))
        (folder / "s").chmod(0o777)
        self._path.listen()
        server = place.postgres
        self.targets = {
            "secret": str(secret),
            "solutions": str(catalog.root() / "solutions"),
            "template": str(place.template),
            "package": str(Path(catalog.__file__)),
            "shared": str(place.scratch()),
            "pid": os.getpid(),
            "port": self._tcp.getsockname()[1],
            "abstract": name,
            "socket": str(folder / "s"),
            "admin": _without_password(server.url(role="admin")),
            "judge": _without_password(server.url(role="judge")),
            "learner": server.url(role="learner"),
        }

    def __enter__(self) -> _Aims:
        return self

    def __exit__(self, *error: object) -> None:
        for sock in (self._tcp, self._abstract, self._path):
            sock.close()


def _without_password(url: str) -> str:
    scheme, rest = url.split("://", 1)
    login, place = rest.split("@", 1)
    return f"{scheme}://{login.split(':')[0]}@{place}"
