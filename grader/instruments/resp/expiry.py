"""Expiry under a virtual clock: how a TTL in a real server obeys a clock that is not the server's.

Every moment of virtual time is mapped to a real moment thirty days ahead, by one constant `shift`:

    PEXPIRETIME in the server  ==  virtual milliseconds + shift

Commands that set an expiry are sent on as their absolute form (`SET k v EX 30` -> `SET k v PXAT <virtual now + 30 s
+ shift>`), commands that read one are translated back, and so are `TIME` and the calls a Lua script makes. Real time
spent in a check therefore expires nothing; when the virtual clock advances, the proxy deletes the keys whose virtual
moment has come, and the fields of hashes (HEXPIRE and its family) whose has, and makes entries that a consumer group
has not acknowledged idle for as long (XAUTOCLAIM, XCLAIM, XPENDING). Not translated: RESTORE, Functions (FCALL). Keyspace notifications say `del` and `hdel`, not `expired` and `hexpired`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from grader.instruments.resp.commands import name_of
from grader.instruments.resp.protocol import decode, elements

ReplyMap = Callable[[bytes], bytes]
AHEAD_MS = 30 * 24 * 3600 * 1000
_RELATIVE = {b"EX": 1000, b"PX": 1}
_NO_SCRIPT = b"0" * 40
_ABSOLUTE = {b"EXAT": 1000, b"PXAT": 1}
_LATER = {"EXPIRE": 1000, "PEXPIRE": 1, "HEXPIRE": 1000, "HPEXPIRE": 1}
_AT = {"EXPIREAT": 1000, "PEXPIREAT": 1, "HEXPIREAT": 1000, "HPEXPIREAT": 1}
_OPTIONS_FROM = {"SET": 3, "GETEX": 2, "HSETEX": 2, "HGETEX": 2}
_OF_FIELDS = (b"HEXPIRE", b"HPEXPIRE", b"HSETEX", b"HGETEX")
_FIELDS = b"FIELDS"  # names and values of a hash follow: no options any more

# One line, so that line numbers in a script's error messages stay what the learner wrote.
_LUA = (
    "local redis = (function(real, now, shift) local function at(ms) return string.format('%.0f', ms + shift) end "
    "local function words(...) local a = {{...}} local c = string.upper(tostring(a[1])) local n = tonumber(a[3]) "
    "local rel = {{EXPIRE=1000, PEXPIRE=1, HEXPIRE=1000, HPEXPIRE=1}} "
    "local abs = {{EXPIREAT=1000, PEXPIREAT=1, HEXPIREAT=1000, HPEXPIREAT=1}} "
    "local from = {{SET=4, GETEX=3, HSETEX=3, HGETEX=3}} "
    "local target = string.sub(c, 1, 1) == 'H' and 'HPEXPIREAT' or 'PEXPIREAT' "
    "if rel[c] and n and n > 0 then a[1] = target a[3] = at(now + n * rel[c]) "
    "elseif abs[c] and n then a[1] = target a[3] = at(n * abs[c]) "
    "elseif (c == 'SETEX' or c == 'PSETEX') and n and n > 0 then "
    "a = {{'SET', a[2], a[4], 'PXAT', at(now + n * (c == 'SETEX' and 1000 or 1))}} "
    "elseif from[c] then for i = from[c], #a do "
    "local o = string.upper(tostring(a[i])) local v = tonumber(a[i+1]) "
    "if o == 'FIELDS' then break end "
    "if (o == 'EX' or o == 'PX') and v and v > 0 then a[i] = 'PXAT' a[i+1] = at(now + v * (o == 'EX' and 1000 or 1)) "
    "elseif (o == 'EXAT' or o == 'PXAT') and v then a[i] = 'PXAT' a[i+1] = at(v * (o == 'EXAT' and 1000 or 1)) end "
    "end end return c, a end "
    "local function run(f, ...) local c, a = words(...) "
    "if c == 'TIME' then return {{string.format('%.0f', math.floor(now / 1000)), "
    "string.format('%.0f', (now % 1000) * 1000)}} end "
    "local function back(k, v) if type(v) ~= 'number' or v < 0 then return v end v = v - shift "
    "if k == 'PTTL' then return v - now elseif k == 'TTL' then return math.floor((v - now + 500) / 1000) "
    "elseif k == 'EXPIRETIME' then return math.floor((v + 500) / 1000) end return v end "
    "local asks = {{TTL=1, PTTL=1, EXPIRETIME=1, PEXPIRETIME=1}} "
    "if asks[c] then return back(c, f('PEXPIRETIME', a[2])) end "
    "local k = string.sub(c, 2) if string.sub(c, 1, 1) == 'H' and asks[k] then a[1] = 'HPEXPIRETIME' "
    "local all = f(unpack(a)) if type(all) ~= 'table' or all.err then return all end "
    "for i = 1, #all do all[i] = back(k, all[i]) end return all end "
    "return f(unpack(a)) end "
    "return setmetatable({{call = function(...) return run(real.call, ...) end, "
    "pcall = function(...) return run(real.pcall, ...) end}}, {{__index = real}}) end)(redis, {now}, {shift}) "
    "local server = redis; "
)


@dataclass
class Expiry:
    """The translation for one server. `now_ms` is the virtual clock in milliseconds since 1970."""

    now_ms: Callable[[], int]
    shift: int = 0
    scripts: dict[bytes, bytes] = field(default_factory=dict)  # SHA1 -> source, as clients loaded them
    of_fields: bool = False  # somebody gives fields of hashes an expiry
    of_groups: bool = False  # somebody reads a stream in a group, where entries become idle

    def __post_init__(self) -> None:
        self.shift = self.shift or int(time.time() * 1000) + AHEAD_MS - self.now_ms()

    def outgoing(self, args: list[bytes]) -> tuple[list[bytes], ReplyMap | None]:  # noqa: PLR0911
        """The command to send to the server, and how to translate its reply back."""
        name = name_of(args)
        self._look(args[0])
        match name:
            case _ if len(args) >= 3 and name in _LATER:
                return self._moment(args, _LATER[name], relative=True), None
            case _ if len(args) >= 3 and name in _AT:
                return self._moment(args, _AT[name], relative=False), None
            case "SETEX" | "PSETEX" if len(args) == 4 and (ms := _positive(args[2])):
                ms *= 1000 if name == "SETEX" else 1
                return [b"SET", args[1], args[3], b"PXAT", self._at(self.now_ms() + ms)], None
            case _ if name in _OPTIONS_FROM:
                return self._options(args, _OPTIONS_FROM[name]), None
            case "TTL" | "PTTL" | "EXPIRETIME" | "PEXPIRETIME" if len(args) == 2:
                return [b"PEXPIRETIME", args[1]], lambda frame: self._back(name, frame)
            case "HTTL" | "HPTTL" | "HEXPIRETIME" | "HPEXPIRETIME" if len(args) > 2:
                return [b"HPEXPIRETIME", *args[1:]], lambda frame: self._all_back(name[1:], frame)
            case "TIME":
                return args, self._time
            case "SCRIPT" if len(args) == 3 and args[1].upper() == b"LOAD":
                self.scripts[hashlib.sha1(args[2], usedforsecurity=False).hexdigest().encode()] = args[2]
            case "SCRIPT" if len(args) > 1 and args[1].upper() == b"FLUSH":
                self.scripts.clear()
            case "EVAL" if len(args) > 2:
                self.scripts[hashlib.sha1(args[1], usedforsecurity=False).hexdigest().encode()] = args[1]
                return [b"EVAL", self._script(args[1]), *args[2:]], None
            case "EVALSHA" if len(args) > 2:
                if args[1].lower() in self.scripts:
                    return [b"EVAL", self._script(self.scripts[args[1].lower()]), *args[2:]], None
                # The server may know it from before: run there, it would live in real time.
                return [b"EVALSHA", _NO_SCRIPT, *args[2:]], None
        return args, None

    def _look(self, text: bytes) -> None:
        """Notes what of a command or script will need a look at every move of the clock."""
        self.of_fields = self.of_fields or any(word in text.upper() for word in _OF_FIELDS)
        self.of_groups = self.of_groups or b"XREADGROUP" in text.upper()

    def limit(self) -> int:
        """Keys and fields whose PEXPIRETIME is at most this are due."""
        return self.now_ms() + self.shift

    def _at(self, virtual_ms: int) -> bytes:
        return b"%d" % (virtual_ms + self.shift)

    def _moment(self, args: list[bytes], unit: int, *, relative: bool) -> list[bytes]:
        ms = _positive(args[2]) * unit
        if not ms:
            return args  # EXPIRE k 0 deletes, EXPIRE k x is refused: the server knows best
        target = b"HPEXPIREAT" if args[0][:1] in b"Hh" else b"PEXPIREAT"
        return [target, args[1], self._at(ms + (self.now_ms() if relative else 0)), *args[3:]]

    def _options(self, args: list[bytes], start: int) -> list[bytes]:
        out = list(args)
        for i in range(start, len(args) - 1):
            option, value = args[i].upper(), _positive(args[i + 1])
            if option == _FIELDS:
                break
            if value and option in _RELATIVE:
                out[i : i + 2] = [b"PXAT", self._at(self.now_ms() + value * _RELATIVE[option])]
            elif value and option in _ABSOLUTE:
                out[i : i + 2] = [b"PXAT", self._at(value * _ABSOLUTE[option])]
        return out

    def _back(self, name: str, frame: bytes) -> bytes:
        moment = decode(frame)
        if not isinstance(moment, int) or moment < 0:
            return frame
        moment -= self.shift
        left = moment - self.now_ms()
        value = {"PTTL": left, "TTL": (left + 500) // 1000, "EXPIRETIME": (moment + 500) // 1000}.get(
            name, moment
        )
        return b":%d\r\n" % value

    def _all_back(self, name: str, frame: bytes) -> bytes:
        if not frame.startswith(b"*"):
            return frame
        head, end, _ = frame.partition(b"\r\n")
        return head + end + b"".join(self._back(name, part) for part in elements(frame))

    def _time(self, frame: bytes) -> bytes:
        if not frame.startswith(b"*"):
            return frame
        seconds, ms = divmod(self.now_ms(), 1000)
        first, second = b"%d" % seconds, b"%d" % (ms * 1000)
        return b"*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(first), first, len(second), second)

    def _script(self, source: bytes) -> bytes:
        self._look(source)
        prefix = _LUA.format(now=self.now_ms(), shift=self.shift).encode()
        if source.startswith(b"#!"):
            head, _, body = source.partition(b"\n")
            return head + b"\n" + prefix + body
        return prefix + source


def _positive(word: bytes) -> int:
    return int(word) if word.isdigit() else 0
