"""A seccomp filter written out as classic BPF: calls no answer and no server needs fail with EPERM.

A second wall behind the namespaces, and one of the two walls of the weaker box. It is a list of what is
refused, not of what is allowed: Python, Postgres and Valkey use some three hundred calls between them, and a
list of allowed ones breaks with every release. See seccomp(2) and linux/filter.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import socket
import struct

from grader.judge.box import syscalls

# name: (x86_64, aarch64); -1 where the architecture has no such call
REFUSED = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "sethostname": (170, 161),
    "quotactl": (179, 60),
    "fanotify_init": (300, 262),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "personality": (135, 92),
    "vmsplice": (278, 75),
}
_CLONE, _CLONE3, _SOCKET, _SECCOMP = (56, 220), (435, 435), (41, 198), (317, 277)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_LOAD, _EQUAL, _AND_SET, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000


class Unsupported(OSError):
    """No filter is written for this processor."""


def program(only_unix_sockets: bool) -> bytes:
    """The filter as an array of sock_filter (8 bytes each).

    only_unix_sockets: also refuse to make any other socket; for the box without a network namespace.
    """
    try:
        column, audit = _ARCHITECTURES[platform.machine()]
    except KeyError:
        raise Unsupported(f"no system call filter is written for {platform.machine()}") from None
    refuse = _step(_RETURN, _ERRNO | errno.EPERM)
    steps = [_step(_LOAD, 4), _step(_EQUAL, audit, 1, 0), _step(_RETURN, _KILL), _step(_LOAD, 0)]
    if column == 0:
        steps += [_step(_AT_LEAST, _X32, 0, 1), refuse]
    for numbers in REFUSED.values():
        steps += [_step(_EQUAL, numbers[column], 0, 1), refuse]
    # glibc falls back to clone, whose flags a filter can read; clone3's are behind a pointer.
    steps += [_step(_EQUAL, _CLONE3[column], 0, 1), _step(_RETURN, _ERRNO | errno.ENOSYS)]
    namespaces = syscalls.EVERY_NAMESPACE
    steps += [
        _step(_EQUAL, _CLONE[column], 0, 4),
        _step(_LOAD, 16),
        _step(_AND_SET, namespaces, 0, 1),
        refuse,
    ]
    steps += [_step(_RETURN, _ALLOW)]
    if only_unix_sockets:
        steps += [_step(_EQUAL, _SOCKET[column], 0, 4), _step(_LOAD, 16)]
        steps += [_step(_EQUAL, socket.AF_UNIX, 1, 0), refuse, _step(_RETURN, _ALLOW)]
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def install(only_unix_sockets: bool = False) -> None:
    """Applies to this thread and all it starts, for ever. Needs no_new_privs first."""
    code = program(only_unix_sockets)
    buffer = ctypes.create_string_buffer(code, len(code))
    pointer = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    column = _ARCHITECTURES[platform.machine()][0]
    syscalls.syscall(_SECCOMP[column], 1, 0, pointer, what="seccomp")


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
