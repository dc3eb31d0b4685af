"""`catalog`: what browsers and caches on the way may keep, for whom, and how they ask whether it still holds."""

from __future__ import annotations

from grader.checks.caching.catalog_app import App
from grader.checks.caching.catalog_scenes import (
    History,
    after_a_change,
    directly,
    through_a_cache,
    with_a_copy,
)
from grader.checks.caching.shown import Shown, first_wrong
from grader.checks.caching.unit import lab
from grader.checks.exercise import Ruling, fail
from grader.checks.running import Answer, Bench
from grader.instruments.callers import AppClient

SHORTEST, LONGEST = 10.0, 3600.0


@lab.exercise(
    "catalog",
    points=4,
    read="11-caching: HTTP caching",
    coverage=lambda h: (
        f"{len(h.languages) + len(h.personal)} requests through a shared cache" if h.personal else ""
    ),
    hints=(
        "A cache in front of your app sees a URL and some headers. How does it know for whom a reply is, for how long, "
        "and whether what it has is still right?",
        "Cache-Control says who may keep it and for how long, Vary which request headers changed the reply, ETag names "
        "the version; If-None-Match asks about a version.",
        "For a product: public with a max-age, Vary on what you looked at, an ETag made from the content; 304 without "
        "a body when one of the asked-for tags is it. For anything about a customer: private or no-store.",
    ),
)
def catalog(answer: Answer, bench: Bench) -> History:
    app, history = App(answer, bench), History()
    with AppClient(app.path) as client:
        directly(app, client, history)
        with_a_copy(app, client, history)
        through_a_cache(app, client, history)
        after_a_change(app, client, history)
    app.worker.kill()
    return history


@catalog.property(weight=0, misconception="Headers are about a reply that is right.")
def serves(history: History) -> Ruling:
    """Products and accounts are served as asked for: by language, by token, 404 and 401 where there is nothing."""
    return first_wrong(history.plain)


@catalog.property(
    needs=["serves"],
    misconception="An ETag is compared with every tag in the header, W/ or not, and a 304 is only the headers.",
)
def unchanged_costs_no_body(history: History) -> Ruling:  # noqa: PLR0911 - one line a rule reads best
    """Whoever already has a product is told 304, with its ETag and no body."""
    assert history.product and history.again
    tag = history.product.header("etag")
    if not tag:
        return fail(
            "an ETag on a product",
            "no ETag",
            "Without a tag there is nothing to ask about.",
            [history.product.table()],
        )
    if not tag.removeprefix("W/").startswith('"'):
        return fail("an ETag in double quotes", f"ETag: {tag}", evidence=[history.product.table()])
    if history.again.header("etag") != tag:
        return fail(
            f"the same ETag ({tag}) as long as nothing changes",
            f"{history.again.header('etag')}",
            "A tag made from the moment, or from the process, never matches.",
        )
    for shown in history.unchanged:
        if not shown.right:
            return shown.wrong()
        if shown.exchange.body:
            return fail("no body in a 304", f"{len(shown.exchange.body)} bytes", evidence=[shown.table()])
        if shown.header("etag").removeprefix("W/") != tag.removeprefix("W/"):
            return fail(f"the ETag in the 304 as well: {tag}", "it is not there", evidence=[shown.table()])
        if varies(shown) != varies(history.product):
            return fail(
                f"the Vary of the product in the 304 as well: {history.product.header('vary') or 'none'}",
                f"Vary: {shown.header('vary') or 'none'}",
                "A 304 renews what is kept, and says for whom.",
                [shown.table()],
            )
    return True


@catalog.property(
    needs=["unchanged_costs_no_body"],
    misconception="A tag names one representation: another price or another language is another tag.",
)
def change_is_seen(history: History) -> Ruling:
    """A changed price, or another language, is never answered with 304."""
    return first_wrong(history.changed)


@catalog.property(
    needs=["serves"],
    misconception="Without a lifetime every view of every product is a request to you, 304 or not.",
)
def fresh_for_a_while(history: History) -> Ruling:
    """Shared caches may serve a product for a while without asking: between ten seconds and an hour."""
    assert history.product
    shortest, longest = history.product.reply.lifetime()
    if longest < SHORTEST or shortest > LONGEST:
        return fail(
            f"a lifetime of {SHORTEST:.0f} to {LONGEST:.0f} seconds for shared caches",
            caching_headers(history.product),
            evidence=[history.product.table()],
        )
    for shown in history.unchanged:
        if shown.right and shown.reply.told != history.product.reply.told:
            return fail(
                "the same Cache-Control in the 304, which renews what is kept",
                f"Cache-Control: {shown.header('cache-control') or 'none'}",
                evidence=[shown.table()],
            )
    return True


def varies(shown: Shown) -> set[str]:
    """The names of the headers on which a reply depends."""
    return {name.strip().lower() for name in shown.header("vary").split(",") if name.strip()}


def caching_headers(shown: Shown) -> str:
    """What a reply says about its lifetime, in one line."""
    others = [
        f"{name}: {shown.header(name.lower())}" for name in ("Expires", "Vary") if shown.header(name.lower())
    ]
    return "; ".join([f"Cache-Control: {shown.header('cache-control') or 'none'}", *others])


@catalog.property(
    needs=["fresh_for_a_while"],
    misconception="To a cache the URL is the whole question, unless Vary names the headers that you looked at too.",
)
def languages_stay_apart(history: History) -> Ruling:
    """Behind a shared cache everybody gets their own language."""
    return first_wrong(history.languages)


@catalog.property(
    needs=["fresh_for_a_while"],
    misconception="One Cache-Control for the whole app makes one customer's page everybody's.",
)
def nothing_personal_is_shared(history: History) -> Ruling:
    """Nobody is shown another's account, and nothing about a customer stays in a shared cache."""
    ruling = first_wrong(history.personal)
    if ruling is not True:
        return ruling
    return not history.kept or fail(
        "private or no-store for accounts",
        f"a shared cache holds {history.kept[0]}",
        evidence=[history.personal[1].table()],
    )
