"""Landlock: the process gives up every file it does not name. See landlock(7).

Used by the weaker box, where namespaces are missing. It does not stop connecting to a unix socket by path.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from grader.judge.box import syscalls

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_RULE_PATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | (1 << 14) | (1 << 15)
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI version: how many file-system rights it knows


def version() -> int:
    """The ABI the kernel speaks, 0 where there is none."""
    try:
        return syscalls.syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(1), what="landlock")
    except OSError:
        return 0


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """From here on this thread and its children reach these folders and files and nothing else.

    TCP is refused from ABI 4, signals and abstract sockets outside the domain from ABI 6.
    Needs no_new_privs first. Raises OSError where Landlock is missing.
    """
    abi = version()
    if abi == 0:
        raise OSError("this kernel has no Landlock")
    every = (1 << _RIGHTS.get(abi, 16)) - 1
    network = 3 if abi >= 4 else 0
    scoped = 3 if abi >= 6 else 0
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    attributes = struct.pack("=QQQ", every, network, scoped)[:size]
    rules = syscalls.syscall(
        _CREATE, attributes, ctypes.c_size_t(size), ctypes.c_uint(0), what="landlock_create_ruleset"
    )
    try:
        for path in readable:
            _allow(rules, path, _READ & every)
        for path in writable:
            _allow(rules, path, every)
        syscalls.syscall(_RESTRICT, rules, ctypes.c_uint(0), what="landlock_restrict_self")
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, descriptor)
        syscalls.syscall(_ADD, rules, _RULE_PATH, rule, ctypes.c_uint(0), what=f"landlock_add_rule {path}")
    finally:
        os.close(descriptor)
