"""Two requests for a new password at the same moment, in two processes: with one link, or with a link each."""

from __future__ import annotations

from typing import Any

from grader.checks.authentication.reset_password_app import Shop
from grader.checks.authentication.served import Served, refused
from grader.instruments.explore import Caller, Exploration, Run, Stage, explore
from grader.instruments.steps import Journal

MOST_RUNS = 40


def at_once(shop: Shop, here: Served, links: int) -> Exploration:
    """Both of Ada's. links: how many she has asked for."""
    journal = Journal()
    tokens = ["", ""]

    def reset() -> None:
        shop.tables()
        asked = [shop.forgot(here, shop.ada)[1] for _ in range(links)]
        made = [mails[-1].token if mails else "" for mails in asked]
        tokens[:] = made[0], made[-1]

    def caller(stage: Stage, lane: int) -> Caller:
        password = f"the secret of T{lane}"
        shop.passwords.add(password)

        def begin(place: Served, url: str) -> Any:
            return place.client.start(
                "POST", "/reset", json={"token": tokens[lane - 1], "password": password}
            )

        return Caller(lambda: shop.place(stage.url(lane), journal), begin)

    def wrong(run: Run) -> str:
        replies = [r for r in run.replies if r is not None]
        odd = next((r for r in replies if not r.ok and not refused(r)), None)
        if odd is not None:
            return f"one of the two requests was answered {odd.line()}"
        won = [f"the secret of T{n}" for n, r in enumerate(run.replies, 1) if r is not None and r.ok]
        if len(won) != 1:
            by = "one link" if links == 1 else "a link each"
            return f"both requests set a password by {by}" if won else "both requests were refused"
        now = shop.customer(shop.ada).password
        return "" if now == won[0] else f"{won[0]} was answered with success, but the password is {now}"

    urls = shop.database.url(), shop.database.url("admin")
    with Stage(*urls, callers=2, folder=str(shop.folder)) as stage:
        return explore(
            stage,
            [caller(stage, 1), caller(stage, 2)],
            reset=reset,
            invariant=wrong,
            symmetric=[(1, 2)] if links == 1 else [],
            reduce=True,
            max_runs=MOST_RUNS,
            stop=lambda run: bool(run.problem),
        )
