"""`call_with_retry`: tries again only what may be tried again, later each time, and not for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.idempotency.retry_desk import Case, Desk, Script
from grader.checks.idempotency.unit import lab
from grader.checks.running import Answer, Bench

DEADLINE = 20.0  # seconds
TRANSIENT = (429, 500, 502, 503, 504, "timeout", "connection", "refused")
FAILING = [503, "timeout", 429, "connection", 500, "refused", 502, "timeout", 503]
FAR = 0.35  # of a bound: 52 even draws leave such an end of it empty once in 5 * 10^9 times
SEEDS = 52  # calls of eight waits: so many that even draws leave the bounds below once in 10^10 times
SMALL = 3  # seconds, less than the cap
KEY = {"Idempotency-Key": "k-1"}
RETURNS = (
    "A server that says when it will be back is worth another attempt then, if that is before the deadline."
)
DATED = "How long it is until a date, `clock.now()` tells; a date gone by asks for no wait at all."
FINAL = (201, 301, 400, 401, 403, 404, 408, 409, 422, 425, 501, 505)


@dataclass
class History:
    cases: dict[str, Case] = field(default_factory=dict)
    spread: list[Case] = field(default_factory=list)
    twins: list[Case] = field(default_factory=list)
    base: float = 0.0
    cap: float = 0.0
    told: dict[str, float] = field(default_factory=dict)  # seconds that a case's Retry-After says
    punctual: list[Case] = field(default_factory=list)  # attempts that take no time, until the deadline

    @property
    def ended(self) -> bool:
        return bool(self.cases) and all(
            c.reply is not None and not c.reply.ended
            for c in (*self.cases.values(), *self.punctual, *self.spread)
        )


@lab.exercise(
    "call_with_retry",
    points=5,
    read="10-idempotency: Retry storms, budgets, backoff with jitter",
    coverage=lambda h: (
        f"{len(h.cases)} servers that fail in their own way, {len(h.spread)} seeds" if h.cases else ""
    ),
    hints=(
        "For each failure: could the request have had its effect? May it have it twice? And if a thousand callers meet "
        "it in the same second, when do they all come back?",
        "One loop. Decide after each attempt: is it worth trying again, is it allowed, is there an attempt, a token and "
        "time left? Only then wait, a random part of a growing bound, or longer if the server said so.",
        "Send; return what is final; work out the wait from the attempt's number and from Retry-After; give up (return "
        "or raise what you have) where attempts, deadline or budget end; sleep on the clock; send the same request again.",
    ),
)
def call_with_retry(answer: Answer, bench: Bench) -> History:
    random = bench.random("policy")
    base, cap = random.choice([0.1, 0.2, 0.25, 0.5]), float(random.randrange(4, 7))
    desk, history = Desk(answer), History(base=base, cap=cap)

    def case(name: str, what: str, script: Script, **more: Any) -> None:
        if all(c.reply and not c.reply.ended for c in history.cases.values()):
            history.cases[name] = desk.call(what, script, **{"base": base, "cap": cap, **more})

    case("at once", "the first attempt succeeds", [200])
    case("recovers", "two failures, then success", [503, "timeout", 200])
    for n, trouble in enumerate(TRANSIENT):
        case(f"transient {n}", f"{trouble}, then success", [trouble, 200])
    for status in FINAL:
        case(f"final {status}", f"{status}", [status, 200])
    case("bug", "sending raises ValueError", ["bug", 200])
    case("file", "sending raises FileNotFoundError", ["file", 200])
    case("last error", "503, then no reply, and a policy of two attempts", [503, "timeout"], attempts=2)
    case("last response", "no reply, then 503, and a policy of two attempts", ["timeout", 503], attempts=2)
    case("last of two", "503, then 500, and a policy of two attempts", [503, 500], attempts=2)
    case("attempts", "503 for ever", [503], attempts=4)
    case("attempts error", "no reply ever", ["timeout"], attempts=3)
    case("one attempt", "503, and a policy of one attempt", [503, 200], attempts=1)
    for method in ("POST", "PATCH"):
        case(f"unsafe {method}", f"{method} without a key meets a timeout", ["timeout", 200], method=method)
        for trouble in (503, 429, "connection", "refused"):
            case(
                f"unsafe {method} {trouble}",
                f"{method} without a key meets {trouble}",
                [trouble, 200],
                method=method,
            )
        case(
            f"keyed {method}",
            f"{method} with a key meets a timeout",
            ["timeout", 200],
            method=method,
            headers=KEY,
        )
    case(
        "keyed lower",
        "POST with a key in small letters meets 503",
        [503, 200],
        method="POST",
        headers={"idempotency-key": "k"},
    )
    for method in ("PUT", "DELETE", "HEAD"):
        case(f"safe {method}", f"{method} meets 503", [503, 200], method=method)
    seconds = random.randrange(20, 60)
    case("after", f"429 with Retry-After: {seconds}", [(429, {"Retry-After": str(seconds)}), 200])
    case("after 503", f"503 with retry-after: {seconds}", [(503, {"retry-after": str(seconds)}), 200])
    date = format_datetime(desk.clock.now() + timedelta(seconds=3600), usegmt=True)
    case(
        "after date", "503 with Retry-After as a date", [(503, {"Retry-After": date}), 200], deadline=10_000.0
    )
    past = format_datetime(desk.clock.now() - timedelta(hours=1), usegmt=True)
    case("after past", "503 with Retry-After as a date gone by", [(503, {"Retry-After": past}), 200])
    for status in (500, 502, 504):
        case(f"after {status}", f"{status} with Retry-After: 33", [(status, {"Retry-After": "33"}), 200])
    case("after once", "429 with Retry-After: 30, then 503 without", [(429, {"Retry-After": "30"}), 503, 200])
    case("after zero", "429 with Retry-After: 0", [(429, {"Retry-After": "0"}), 200])
    small = [(429, {"Retry-After": str(SMALL)})] * 24
    case(
        "after small",
        f"429 with Retry-After: {SMALL}, time and again",
        [*small, 200],
        attempts=30,
        deadline=1e9,
    )
    hour = 3599.0  # a date has whole seconds
    history.told = {
        "after": seconds,
        "after 503": seconds,
        "after date": hour,
        "after 500": 33,
        "after 502": 33,
        "after 504": 33,
        "after small": SMALL,
    }
    case("after late", "Retry-After beyond the deadline", [(429, {"Retry-After": "100"}), 200], deadline=30.0)
    case(
        "deadline",
        "503 for ever, a deadline of 20 s, each attempt takes 3 s",
        [503],
        attempts=30,
        deadline=20.0,
        latency=3.0,
    )
    case(
        "deadline error",
        "no reply, each attempt takes 30 s of a deadline of 20 s",
        ["timeout", 200],
        deadline=20.0,
        latency=30.0,
    )
    case("budget", "503 for ever, two retries left in the budget", [503], attempts=10, tokens=2)
    case("budget empty", "a timeout, an empty budget", ["timeout", 200], tokens=0)
    for seed in range(3):
        if history.ended:
            what = f"503 for ever, a deadline of {DEADLINE:.0f} s"
            history.punctual.append(
                desk.call(what, [503], attempts=35, base=base, cap=cap, deadline=DEADLINE, seed=seed)
            )
    for seed in range(SEEDS):
        if history.ended:
            more: dict[str, Any] = {"attempts": 9, "deadline": 10_000.0, "tokens": None, "seed": seed}
            history.spread.append(desk.call("failures of all kinds", FAILING, base=base, cap=cap, **more))
    if history.ended:
        history.twins = [desk.call("twins", [503], attempts=5, base=base, cap=cap, seed=77) for _ in range(2)]
    return history


def check(history: History, name: str, sends: int, outcome: str, why: str = "") -> Ruling:
    """Whether a case was sent so often and ended so."""
    case = history.cases.get(name)
    if case is None:
        return unknown("An earlier call never came back, so this was not tried.")
    if len(case.sends) != sends or not case.outcome().startswith(outcome):
        return fail(
            f"{case.what}: {attempts(sends)}, then the call {outcome.strip()}",
            f"{case.what}: {attempts(len(case.sends))}, the call {case.outcome()}",
            why,
            [case.shown()],
        )
    return at_once(case)


def attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


def at_once(case: Case) -> Ruling:
    """Whether the call ended with the outcome of its last attempt, and not a wait later."""
    return case.idle <= 0.001 or fail(
        f"{case.what}: gives up at once after the last attempt",
        f"the call waited {case.idle:.3f} s more, and {case.outcome()}",
        "A wait is for the attempt that comes after it.",
        [case.shown()],
    )


def checks(history: History, wanted: Sequence[tuple[str, int, str]], why: str = "") -> Ruling:
    for name, sends, outcome in wanted:
        ruling = check(history, name, sends, outcome, why)
        if ruling is not True:
            return ruling
    return True


@call_with_retry.property(
    misconception="A 429, a 5xx and a broken connection may pass; what the caller got wrong stays wrong.",
)
def retries_what_passes(history: History) -> Ruling:
    """Transient failures are tried again until one attempt succeeds."""
    return checks(
        history,
        [
            ("at once", 1, "returned 200"),
            ("recovers", 3, "returned 200"),
            *((f"transient {n}", 2, "returned 200") for n in range(len(TRANSIENT))),
        ],
    )


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="Repeating what is final costs the server a request each time and changes nothing.",
)
def leaves_what_is_final(history: History) -> Ruling:
    """Final answers are returned at once, and bugs are not hidden behind retries."""
    wanted = [(f"final {s}", 1, f"returned {s}") for s in FINAL]
    bugs = [("bug", 1, "raised ValueError"), ("file", 1, "raised FileNotFoundError")]
    return checks(history, [*wanted, *bugs])


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="The last failure is the caller's to see: returned if it was a response, raised if there was none.",
)
def gives_up(history: History) -> Ruling:
    """After the last attempt the caller gets the last outcome."""
    return checks(
        history,
        [
            ("attempts", 4, "returned 503"),
            ("attempts error", 3, "raised TimeoutError"),
            ("one attempt", 1, "returned 503"),
            ("last error", 2, "raised TimeoutError"),
            ("last response", 2, "returned 503"),
            ("last of two", 2, "returned 500"),
        ],
    )


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="After a timeout nobody knows whether a POST took effect. Without a key the server cannot tell the second "
    "from the first, and does it twice.",
)
def no_unsafe_repeat(history: History) -> Ruling:
    """POST and PATCH are repeated with an idempotency key, and never without one."""
    wanted: list[tuple[str, int, str]] = []
    for method in ("POST", "PATCH"):
        wanted += [
            (f"unsafe {method}", 1, "raised TimeoutError"),
            (f"unsafe {method} 503", 1, "returned 503"),
            (f"unsafe {method} 429", 1, "returned 429"),
            (f"unsafe {method} connection", 1, "raised ConnectionError"),
            (f"unsafe {method} refused", 1, "raised ConnectionRefusedError"),
            (f"keyed {method}", 2, "returned 200"),
        ]
    wanted += [
        ("keyed lower", 2, "returned 200"),
        *((f"safe {m}", 2, "returned 200") for m in ("PUT", "DELETE", "HEAD")),
    ]
    return checks(history, wanted)


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="The server knows when it will be back; asking earlier keeps it down.",
)
def honours_retry_after(history: History) -> Ruling:
    """A retry comes no earlier than Retry-After says, in seconds or as a date."""
    names = (*(name for name in history.told if name != "after small"), "after zero", "after past")
    wanted = [(name, 2, "returned 200") for name in names]
    wanted += [("after once", 3, "returned 200"), ("after small", 25, "returned 200")]
    for one in wanted:
        ruling = check(history, *one, DATED if one[0] in ("after date", "after past") else RETURNS)
        if ruling is not True:
            return ruling
    once = history.cases["after once"]
    if once.waits[1] > history.cap:
        return fail(
            f"{once.what}: after the second no more than {history.cap} s",
            f"it waited {once.waits[1]:.3f} s",
            "What an earlier response asked for is over when the next one has come.",
            [once.shown()],
        )
    for name, told in history.told.items():
        case = history.cases[name]
        most = told + history.cap + (2 if name == "after date" else 0)
        for wait in case.waits:
            if not told - 0.001 <= wait <= most:
                return fail(
                    f"{case.what}: the next attempt after that, and not much later",
                    f"{case.what}: it came after {wait:.2f} s",
                    evidence=[case.shown()],
                )
    return True


@call_with_retry.property(
    needs=["gives_up"],
    misconception="The bound grows with each attempt up to the cap, and the whole of it is random: callers that failed "
    "together must not come back together.",
)
def full_jitter(history: History) -> Ruling:
    """Waits are drawn evenly from zero to a bound that doubles from base up to the cap."""
    if not history.spread or not history.ended:
        return unknown("An earlier call never came back, so this was not tried.")
    by_number: dict[int, list[float]] = {}  # shares of the first waits, of the second, ...
    for case in history.spread:
        for n, wait in enumerate(case.waits):
            bound = min(history.cap, history.base * 2**n)
            if wait > bound + 0.001:
                return fail(
                    f"the wait before attempt {n + 2} is at most {bound:g} s",
                    f"it was {wait:.3f} s",
                    "The bound is base for the first wait, doubles, and never passes the cap.",
                    [case.shown()],
                )
            by_number.setdefault(n, []).append(wait / bound)
    last = [c.waits[-1] for c in history.spread if c.waits]
    if len(last) < SEEDS or max(last) < 0.6 * history.cap:
        return fail(
            f"the bound grows to the cap of {history.cap:g} s",
            f"the last of eight waits was at most {max(last, default=0):.3f} s in {SEEDS} calls",
        )
    ruling = _drawn_below(history.cap, last)
    if ruling is True:
        ruling = _evenly(by_number)
    if ruling is not True:
        return ruling
    one, other = (c.waits for c in history.twins)
    if len(one) != len(other) or any(abs(a - b) > 0.001 for a, b in zip(one, other, strict=True)):
        return fail("the random numbers come from `random`", "the same seed gave different waits")
    return True


def _drawn_below(cap: float, last: Sequence[float]) -> Ruling:
    """Whether the last waits, whose bound is the cap, are drawn from 0 to the cap, and not from more and then cut off."""
    # Even draws are hardly ever the cap itself; what is cut off there is, more often than not. All of them: no draw.
    cut = sum(abs(wait - cap) < 1e-5 for wait in last)
    return not SEEDS // 5 < cut < SEEDS or fail(
        f"the last of eight waits is drawn from 0 to the cap of {cap:g} s",
        f"in {cut} of {SEEDS} calls it was exactly the cap",
        "Cap the bound, then draw: drawn from more and cut off afterwards, many waits are the cap itself, and those "
        "callers come back together.",
    )


def _evenly(by_number: Mapping[int, Sequence[float]]) -> Ruling:
    """Whether the shares of their bounds, which the first, second, ... waits were, are drawn from the whole, evenly."""
    shares = [share for drawn in by_number.values() for share in drawn]
    low, high, mean = min(shares), max(shares), sum(shares) / len(shares)
    inner = sum(0.25 <= share <= 0.75 for share in shares) / len(shares)
    if low > 0.15 or high < 0.85 or not 0.38 < mean < 0.62 or not 0.34 < inner < 0.66:
        return fail(
            "waits spread over the whole of the bound, from zero, and evenly",
            f"in {len(shares)} waits they were {low:.0%} to {high:.0%} of their bound, {mean:.0%} on average; "
            f"{inner:.0%} of them were in the middle half of it",
        )
    for n, drawn in by_number.items():
        if min(drawn) > FAR or max(drawn) < 1 - FAR:
            return fail(
                f"each wait is drawn from the whole of its bound, that before attempt {n + 2} too",
                f"in {len(drawn)} calls it was {min(drawn):.0%} to {max(drawn):.0%} of its bound",
            )
    return True


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="A caller that is told of the failure after its deadline has given up long ago: no wait, no attempt may "
    "reach past it.",
)
def within_deadline(history: History) -> Ruling:
    """No attempt starts after the deadline, and nobody waits for one that could not."""
    ruling = checks(
        history,
        [
            ("after late", 1, "returned 429"),
            ("deadline error", 1, "raised TimeoutError"),
            ("deadline", len(history.cases["deadline"].sends) if "deadline" in history.cases else 0, ""),
        ],
    )
    if ruling is not True:
        return ruling
    case = history.cases["deadline"]
    told = f"the last attempt began after {case.sends[-1]:.1f} s, the call ended after {case.ended:.1f} s"
    for holds, expected, happened in (
        (
            case.sends[-1] <= DEADLINE and case.ended < DEADLINE + 3.001,
            "no attempt and no wait beyond the deadline of 20 s",
            told,
        ),
        (
            case.outcome() == "returned 503",
            "at the deadline the last outcome is handed on",
            f"the call {case.outcome()}",
        ),
        (len(case.sends) >= 3, "tries again while there is time", f"{len(case.sends)} attempts in 20 s"),
    ):
        if not holds:
            return fail(expected, happened, evidence=[case.shown()])
    for case in history.punctual:
        ruling = at_once(case)
        if ruling is not True:
            return ruling
    # That a wait ends there by chance happens once; a wait that is cut to fit always ends there.
    if history.punctual and all(abs(c.sends[-1] - DEADLINE) < 1e-5 for c in history.punctual):
        return fail(
            "gives up at once when the wait would end after the deadline",
            "it cut the wait short and tried once more at the very deadline",
            evidence=[history.punctual[0].shown()],
        )
    return True


@call_with_retry.property(
    needs=["retries_what_passes"],
    misconception="Each retry takes one token before it is made; first attempts are free. With an empty budget everybody "
    "fails fast instead of keeping the server down.",
)
def within_budget(history: History) -> Ruling:
    """Every retry is paid for from the shared budget, and none is made without."""
    ruling = checks(history, [("budget", 3, "returned 503"), ("budget empty", 1, "raised TimeoutError")])
    if ruling is not True:
        return ruling
    for name, case in history.cases.items():
        retries = max(len(case.sends) - 1, 0)
        if not name.startswith("budget") and case.spent != retries and not case.broke:
            return fail(
                "one token for each retry; first attempts are free, and nothing is taken where there is no retry",
                f"{case.what}: {case.spent} of the tokens for {retries} retries",
                evidence=[case.shown()],
            )
    return True
