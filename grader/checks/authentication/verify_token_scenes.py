"""The scenes of `verify_token`: tokens of the issuer and forged ones, shown to one process one after the other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from grader.checks.authentication.forged_garbage import Forgery
from grader.checks.authentication.forgery import forged
from grader.checks.authentication.mint import Mint, Ours, key_set
from grader.checks.running import Answer, Bench
from grader.verdict import Evidence

START = 1_893_499_200  # 2030-01-01 12:00 UTC
PATIENCE = 10.0  # seconds for one series of tokens, a safety net

DRIVER = """
import builtins as _builtins, copy as _copy, datetime as _dt
from grader.instruments.answer_clock import local_clock as _local_clock
def __verify_all__(tokens, keys, moment):
    clock = _local_clock(_dt.datetime.fromtimestamp(moment, _dt.timezone.utc))
    replies = []
    for token in tokens:
        try:
            value = verify_token(token, _copy.deepcopy(keys), clock)
        except NotImplementedError:
            raise
        except Exception as error:
            bug = getattr(_builtins, type(error).__name__, None) is type(error) and not isinstance(error, ValueError)
            replies.append(["raised", type(error).__name__, bug])
        else:
            replies.append(["returned", dict(value) if isinstance(value, dict) else value, bool(value)])
    return replies
"""


@dataclass
class Shown:
    """One token that was shown. claims: what must be returned, None where it must be refused."""

    family: str
    name: str
    claims: dict[str, Any] | None
    reply: tuple[str, Any, bool] | None = None

    @property
    def let_in(self) -> bool:
        return self.reply is not None and self.reply[0] == "returned" and self.reply[2]

    def said(self) -> str:
        if self.reply is None:
            return "never came back"
        kind, value, _ = self.reply
        if kind == "raised":
            return f"raised {value}"
        return "let in" if isinstance(value, dict) and value else f"returned {value!r}"[:80]


@dataclass
class History:
    shown: list[Shown] = field(default_factory=list)
    ended: str = ""  # how a series ended that did not come back

    def of(self, family: str) -> list[Shown]:
        return [s for s in self.shown if s.family == family]

    def table(self, rows: list[Shown]) -> Evidence:
        data = {"columns": ["token", "outcome"], "rows": [[s.name, s.said()] for s in rows]}
        return Evidence("table", "Tokens shown", data)


def show_all(answer: Answer, bench: Bench) -> History:
    mint = Mint(START)
    history = History()
    worker = answer.spawn(driver=DRIVER)
    keys = key_set()
    ours, attacks = mint.ours(), forged(mint)

    def show(tokens: list[Ours | Forgery], moment: int = START, without: str = "") -> None:
        rows = [
            Shown("unusual" if t.unusual else "ours", t.name, json.loads(json.dumps(t.claims)))
            if isinstance(t, Ours)
            else Shown(t.family, t.name, None)
            for t in tokens
        ]
        history.shown += rows
        if history.ended:
            return
        entries = tokens[0].entries
        gone = {without, *(e["kid"] for e in entries)}
        given = {"keys": [*(k for k in keys["keys"] if k["kid"] not in gone), *entries]}
        reply = worker.call("__verify_all__", [t.token for t in tokens], given, moment, timeout=PATIENCE)
        if not reply.ok or not isinstance(reply.value, list) or len(reply.value) != len(rows):
            history.ended = reply.ended or (reply.error.type if reply.error else "an unreadable reply")
            return
        for row, said in zip(rows, reply.value, strict=True):
            row.reply = (str(said[0]), said[1], said[2] is True)

    show(list(ours))
    mixed: list[Ours | Forgery] = [f for f in attacks if not (f.later or f.without or f.entries)]
    bench.random("order").shuffle(mixed)
    show(mixed)
    for attack in attacks:
        if attack.later or attack.without or attack.entries:
            show([attack], START + attack.later, attack.without)
    for one in mint.unusual():
        show([one])
    show(list(ours[:2]))  # what is ours still is, after all that
    return history
