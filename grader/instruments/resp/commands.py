"""What a Redis command means to an observer: is it a step, what does it touch, how is it written down."""

from __future__ import annotations

from grader.instruments.resp.protocol import brief

# Sent by client libraries on their own account; they neither read nor write data.
PLUMBING = frozenset(
    [
        "HELLO",
        "AUTH",
        "CLIENT",
        "SELECT",
        "PING",
        "ECHO",
        "COMMAND",
        "INFO",
        "RESET",
        "QUIT",
        "READONLY",
        "READWRITE",
        "ASKING",
        "CONFIG",
        "MODULE",
        "SCRIPT",
        "FUNCTION",
        "MEMORY",
        "OBJECT",
        "DEBUG",
        "LATENCY",
        "SLOWLOG",
        "ACL",
    ]
)
# They turn the connection into something without one reply a command.
REFUSED = frozenset({"MONITOR", "SYNC", "PSYNC"})
_BLOCKING_LAST = frozenset({"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"})
_BLOCKING_FIRST = frozenset({"BLMPOP", "BZMPOP"})
_MANY_KEYS = frozenset(
    ["DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "WATCH", "SINTER", "SUNION", "SDIFF", "PFCOUNT"]
)
_NO_KEYS = frozenset(
    [
        "EXEC",
        "MULTI",
        "DISCARD",
        "UNWATCH",
        "PUBLISH",
        "SPUBLISH",
        "SUBSCRIBE",
        "PSUBSCRIBE",
        "SSUBSCRIBE",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "SUNSUBSCRIBE",
        "KEYS",
        "SCAN",
        "RANDOMKEY",
        "DBSIZE",
        "FLUSHDB",
        "FLUSHALL",
        "TIME",
        "WAIT",
    ]
)
# Whoever sends one of these twice has something done twice, and does not wait for somebody else.
_CHANGES = frozenset(
    [
        "APPEND",
        "COPY",
        "DECR",
        "DECRBY",
        "DEL",
        "EXEC",
        "EXPIRE",
        "EXPIREAT",
        "FLUSHALL",
        "FLUSHDB",
        "HDEL",
        "HEXPIRE",
        "HINCRBY",
        "HMSET",
        "HPEXPIRE",
        "HSET",
        "HSETEX",
        "INCR",
        "INCRBY",
        "INCRBYFLOAT",
        "LPUSH",
        "LREM",
        "LSET",
        "LTRIM",
        "MOVE",
        "MSET",
        "MULTI",
        "PERSIST",
        "PEXPIRE",
        "PEXPIREAT",
        "PFADD",
        "PSETEX",
        "PUBLISH",
        "RENAME",
        "RPUSH",
        "SADD",
        "SET",
        "SETBIT",
        "SETEX",
        "SREM",
        "UNLINK",
        "XACK",
        "XADD",
        "XDEL",
        "XTRIM",
        "ZADD",
        "ZINCRBY",
        "ZREM",
    ]
)


def changes_anyway(text: str) -> bool:
    """Whether a command, as `text_of` writes it, changes something whatever stands there: SET does, SET NX may not."""
    name, *words = text.split()
    return name in _CHANGES and not (name in ("SET", "ZADD", "HSETEX") and {"NX", "FNX"} & {*words})


def name_of(args: list[bytes]) -> str:
    return args[0].decode("ascii", "replace").upper() if args else ""


def text_of(args: list[bytes]) -> str:
    """The command as one short line: `SET product:5 {"name"... PX 30000`, `EVAL "return 1" 1 lock`."""
    if not args:
        return ""
    name = name_of(args)
    words = [_script(args[1]), *map(brief, args[2:9])] if name == "EVAL" and len(args) > 1 else None
    words = words or [brief(a, 40) for a in args[1:9]]
    if len(args) > 9:
        words.append("…")
    return " ".join([name, *words])[:160]


def _script(source: bytes) -> str:
    lines = [line.strip() for line in source.decode("utf-8", "replace").splitlines()]
    code = [line for line in lines if line and not line.startswith(("--", "#!"))]
    shown = code[0] if code else ""
    return f'"{shown[:48]}{"…" if len(code) > 1 or len(shown) > 48 else ""}"'


def keys_of(args: list[bytes]) -> tuple[str, ...] | None:
    """The keys a command names, None when it may touch any (or is not known to touch only its first word)."""
    name, rest = name_of(args), args[1:]
    if name in _NO_KEYS or not rest:
        return None
    if name in ("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"):
        if len(rest) < 2 or not rest[1].isdigit():
            return None
        rest = rest[2 : 2 + int(rest[1])]
        return tuple(k.decode("utf-8", "backslashreplace") for k in rest) or None
    if name in ("MSET", "MSETNX"):
        rest = rest[::2]
    elif name in _BLOCKING_LAST:
        rest = rest[:-1]
    elif name in _BLOCKING_FIRST or name.startswith("X") or name in ("ZUNIONSTORE", "ZINTERSTORE", "SORT"):
        return None
    elif name not in _MANY_KEYS:
        rest = rest[:1]
    return tuple(k.decode("utf-8", "backslashreplace") for k in rest)


def blocking_timeout(args: list[bytes]) -> tuple[int, float] | None:
    """(index of the timeout word, seconds; 0 for ever) of a command that may block, else None."""
    name = name_of(args)
    try:
        if name in _BLOCKING_LAST and len(args) > 2:
            return len(args) - 1, float(args[-1])
        if name in _BLOCKING_FIRST and len(args) > 2:
            return 1, float(args[1])
        if name in ("XREAD", "XREADGROUP"):
            upper = [a.upper() for a in args]
            at = upper.index(b"BLOCK") + 1 if b"BLOCK" in upper else 0
            return (at, int(args[at]) / 1000) if 0 < at < len(args) else None
    except ValueError:
        return None  # the server will refuse it
    return None


def replies_expected(args: list[bytes], subscribed: int) -> int:
    """How many frames the server answers: one for each channel of a (un)subscription."""
    name = name_of(args)
    if name in ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"):
        return max(len(args) - 1, 1)
    if name in ("UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"):
        return len(args) - 1 or max(subscribed, 1)
    return 1
