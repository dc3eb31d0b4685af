"""Inside the box: one process tree shut off from the box's other trees.

The box (bubblewrap) is the wall between answers and the host. A compartment is the wall between one answer and
the next, and between an answer and the servers it uses: fresh user, mount, PID, IPC, network, UTS and cgroup
namespaces, no capabilities, no /proc, a small /tmp. A warm parent can enter one in a few milliseconds, which it
could not do by starting a program.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.judge.box import landlock, seccomp, syscalls

INNER_ID = 1000  # uid and gid everybody has inside
_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "files": resource.RLIMIT_NOFILE,
    "file_size": resource.RLIMIT_FSIZE,
    "processes": resource.RLIMIT_NPROC,
}


@dataclass(frozen=True)
class Plan:
    """How to shut a compartment off. Paths are those inside the box.

    level: "namespaces" or "landlock". hidden: folders replaced by empty ones. readonly: folders that stay readable.
    tmpfs: {folder: bytes}. data: (folder of a data directory, folder for the copy, bytes), for a database server;
    with namespaces the first holds data/ and ready/, which is laid over it.
    writable: folders within the read-only ones, or the only ones of a landlocked process. limits: see `_LIMITS`; bytes, seconds, counts.
    """

    level: str
    hidden: tuple[str, ...] = ()
    readonly: tuple[str, ...] = ()
    tmpfs: tuple[tuple[str, int], ...] = ()
    data: tuple[str, str, int] | None = None
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    limits: tuple[tuple[str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        shaped: dict[str, Any] = {k: tuple(tuple(e) for e in data[k]) for k in ("tmpfs", "limits")}
        shaped |= {k: tuple(data[k]) for k in ("hidden", "readonly", "readable", "writable")}
        return cls(data["level"], data=tuple(data["data"]) if data["data"] else None, **shaped)


def own_pid_namespace() -> None:
    """Puts this process into a user and a PID namespace of its own, in which it may make further ones.

    Returns in the process that goes on; the one that called waits for its end.
    """
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWPID)
    syscalls.map_ids(uid, gid, uid)
    if child := os.fork():
        os.waitpid(child, 0)
        os._exit(0)


def fork(plan: Plan) -> int:
    """As os.fork; with namespaces, the child is PID 1 of a new one. Raises OSError.

    A PID namespace is for children only, so it has to be made here: the child making it would cost a second fork.
    """
    if plan.level == "namespaces":
        mine = os.open("/proc/self/ns/pid", os.O_RDONLY)
        try:
            syscalls.setns(mine, syscalls.CLONE_NEWPID)  # the last child's namespace may have ended
            syscalls.unshare(syscalls.CLONE_NEWPID)
        finally:
            os.close(mine)
    return os.fork()


def enter(plan: Plan, report: Callable[[], None]) -> None:
    """Shuts this process off; `report` is called as soon as the judge may hold it by its pidfd."""
    if plan.level == "namespaces":
        _private_namespaces(plan)
    report()
    if plan.level != "namespaces" and plan.data:
        _copy(*plan.data[:2])
    os.setsid()
    _limit(plan)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if plan.level == "namespaces":
        syscalls.drop_capabilities()
    else:
        landlock.restrict(map(Path, plan.readable), map(Path, plan.writable))
    seccomp.install(only_unix_sockets=plan.level != "namespaces")


def _private_namespaces(plan: Plan) -> None:
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.EVERY_NAMESPACE & ~syscalls.CLONE_NEWPID)
    syscalls.map_ids(uid, gid, INNER_ID)
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    syscalls.loopback_up()
    guarded = syscalls.MS_NOSUID | syscalls.MS_NODEV
    kept = {folder: os.open(folder, os.O_PATH) for folder in plan.readonly}
    for folder, size in plan.tmpfs:
        syscalls.mount("tmpfs", folder, "tmpfs", guarded, f"size={size},mode=0700")
    for folder, descriptor in kept.items():  # it may lie in what a tmpfs has just hidden
        os.makedirs(folder, exist_ok=True)
        syscalls.mount(f"/proc/self/fd/{descriptor}", folder, flags=syscalls.MS_BIND)
        os.close(descriptor)
    for folder in plan.writable:  # before what is around it becomes read-only
        syscalls.mount(folder, folder, flags=syscalls.MS_BIND)
    readonly = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | guarded
    for folder in kept:
        syscalls.mount("none", folder, flags=readonly)
    if plan.data:
        _lay_over(*plan.data)
    # /proc last: it is needed to write the id maps, and it would show the box's other processes.
    for folder in (*plan.hidden, "/proc"):
        syscalls.mount("tmpfs", folder, "tmpfs", guarded | syscalls.MS_RDONLY, "size=4k,mode=0555")


def _lay_over(template: str, folder: str, size: int) -> None:
    """A writable view of `template` at `folder`/data: overlayfs where it works in a namespace, else a copy."""
    syscalls.mount("tmpfs", folder, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, f"size={size},mode=0700")
    for name in ("changes", "work", "data"):
        os.mkdir(f"{folder}/{name}", 0o700)
    lower = f"{template}/ready:{template}/data"
    options = f"lowerdir={lower},upperdir={folder}/changes,workdir={folder}/work,userxattr"
    try:
        syscalls.mount("overlay", f"{folder}/data", "overlay", 0, options)
    except OSError:
        _copy(f"{template}/data", f"{folder}/data")
        shutil.copytree(f"{template}/ready", f"{folder}/data", symlinks=True, dirs_exist_ok=True)


def _copy(template: str, folder: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(folder)
    shutil.copytree(template, folder, symlinks=True)
    os.chmod(folder, 0o700)


def _limit(plan: Plan) -> None:
    for name, value in plan.limits:
        _, hard = resource.getrlimit(_LIMITS[name])
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(_LIMITS[name], (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
