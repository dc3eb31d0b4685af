"""Counting Argon2 in a worker: how often the answer computed one, whatever library it called.

`DRIVER` runs after the answer's source. It counts where argon2-cffi (and with it pwdlib) enters its C library, and
replaces cryptography's class by one that counts. `__work__["between"]`, if set, is called once, before the next
*new* hash is computed: the moment between reading an old hash and storing its successor. `__work__["costs"]` names
the parameters of each: "m=1024,t=1,p=1". With `__work__["spare"]` a dear computation is counted and not made: a new hash
is made of the cheapest kind, and what is compared with a dear one does not match.
"""

DRIVER = '''
import argon2.low_level as _low_level
__work__ = {"hashes": 0, "checks": 0, "between": None, "told": None, "costs": [], "spare": False}
_DEAR = 16 * 1024  # KiB times passes

def _cost(memory, passes, lanes):
    __work__["costs"].append(f"m={memory},t={passes},p={lanes}")

def _spared(memory, passes):
    return __work__["spare"] and int(memory or 0) * int(passes or 0) >= _DEAR

def _compared(stored):
    """Notes a comparison with a stored hash; whether its computation is to be spared."""
    __work__["checks"] += 1
    stored = stored.decode("ascii", "replace") if isinstance(stored, bytes) else str(stored)
    cost = next((part for part in stored.split("$") if part.startswith("m=")), "")
    __work__["costs"].append(cost)
    named = dict(part.split("=", 1) for part in cost.split(",") if "=" in part)
    return _spared(*(part if part.isdigit() else 0 for part in (named.get("m", ""), named.get("t", ""))))

def _hashed(*cost):
    __work__["hashes"] += 1
    _cost(*cost)
    between, __work__["between"] = __work__["between"], None
    if between is not None:
        __work__["told"] = between()

class _Counting:
    def __init__(self, library):
        self.__dict__["_library"] = library
    def __getattr__(self, name):
        found = getattr(self._library, name)
        if name in ("argon2_hash", "argon2_ctx"):
            def counted(*args):
                at = args[0]
                cost = (at.m_cost, at.t_cost, at.lanes) if name == "argon2_ctx" else (args[1], at, args[2])
                _hashed(*cost)
                if _spared(*cost[:2]):
                    if name == "argon2_ctx":
                        at.m_cost, at.t_cost = 8 * at.lanes, 1
                    else:
                        args = (1, 8 * args[2], *args[2:])
                return found(*args)
            return counted
        if name == "argon2_verify":
            def counted(*args):
                spared = _compared(_low_level.ffi.string(args[0]))
                return self._library.ARGON2_VERIFY_MISMATCH if spared else found(*args)
            return counted
        return found

_low_level.lib = _Counting(_low_level.lib)

import cryptography.hazmat.primitives.kdf.argon2 as _kdf
from cryptography.exceptions import InvalidKey as _InvalidKey
_Argon2id = _kdf.Argon2id

class _CountingArgon2id:
    def __init__(self, *args, **kwargs):
        given = dict(zip(("salt", "length", "iterations", "lanes", "memory_cost"), args)) | kwargs
        self._costs = given.get("memory_cost"), given.get("iterations"), given.get("lanes")
        if _spared(*self._costs[:2]):
            args, kwargs = (), given | {"memory_cost": 8 * given["lanes"], "iterations": 1}
        self._made = _Argon2id(*args, **kwargs)
    def derive(self, *args):
        _hashed(*self._costs)
        return self._made.derive(*args)
    def derive_phc_encoded(self, *args, **kwargs):
        _hashed(*self._costs)
        return self._made.derive_phc_encoded(*args, **kwargs)
    def verify(self, *args):
        __work__["checks"] += 1
        _cost(*self._costs)
        return self._made.verify(*args)
    @classmethod
    def verify_phc_encoded(cls, *args, **kwargs):
        if _compared((*args[1:2], kwargs.get("phc_encoded", ""))[0]):
            raise _InvalidKey("Argon2 hashes do not match.")
        return _Argon2id.verify_phc_encoded(*args, **kwargs)

_kdf.Argon2id = _CountingArgon2id
for _name, _value in list(globals().items()):
    if _value is _Argon2id and _name != "_Argon2id":
        globals()[_name] = _CountingArgon2id

def __spare__(spare):
    __work__["spare"] = spare

def __worked__(name, conn, *args):
    """Calls the answer, then does what a pool does; returns [value, hashes, checks, left]."""
    __work__["hashes"] = __work__["checks"] = 0
    left = "idle"
    try:
        value = globals()[name](conn, *args)
    finally:
        if not conn.closed and conn.info.transaction_status.name != "IDLE":
            left = "open"
            conn.rollback()
    return [value, __work__["hashes"], __work__["checks"], left]
'''
