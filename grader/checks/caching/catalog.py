"""`catalog`: what browsers and caches on the way may keep, for whom, and how they ask whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.checks.caching.shared_cache import SharedCache, directives, lifetime
from grader.checks.caching.unit import lab
from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.running import Answer, Bench, Resource
from grader.instruments.callers import AppClient, Exchange
from grader.instruments.serve import socket_in
from grader.verdict import Evidence

SHORTEST, LONGEST = 10.0, 3600.0
ENGLISH, GERMAN = {"Accept-Language": "en"}, {"Accept-Language": "de"}
DRIVER = """
import inspect as _inspect
from grader.instruments import serve as _serve

__products__, __customers__ = {}, {}


def __load_product__(product_id, language="en"):
    found = __products__.get(int(product_id))
    if found is None:
        return None
    name = found["names"].get(language, found["names"]["en"])
    return {"id": int(product_id), "name": name, "price": found["price"]}


def __load_customer__(token):
    return __customers__.get(token)


def __open__(listener, products, customers):
    __products__.update(products)
    __customers__.update(customers)
    built = catalog
    if _inspect.isfunction(catalog):
        built = catalog(__load_product__, __load_customer__)
    return _serve.start(built, listener)


def __price__(product_id, price):
    __products__[product_id]["price"] = price
"""


@dataclass
class Shown:
    """One request and its reply, with what it should have been about."""

    what: str
    exchange: Exchange
    wanted: str = ""  # text that must stand in the body
    status: int = 200

    @property
    def right(self) -> bool:
        body = self.exchange.body.decode("utf-8", "replace")
        return self.exchange.status == self.status and self.wanted in body and not self.exchange.ended

    def table(self) -> Evidence:
        headers = [[k, v] for k, v in sorted(self.exchange.headers.items()) if k not in ("date", "server")]
        rows = [
            ["status", self.exchange.status],
            *headers,
            ["body", self.exchange.body[:120].decode("utf-8", "replace")],
        ]
        return Evidence("table", f"The reply to {self.what}", {"columns": ["header", "value"], "rows": rows})

    def wrong(self) -> Ruling:
        wanted = f"{self.status}{' with ' + repr(self.wanted) if self.wanted else ''} for {self.what}"
        return fail(wanted, self.exchange.trouble or self.exchange.line(), evidence=[self.table()])


@dataclass
class History:
    plain: list[Shown] = field(default_factory=list)
    product: Shown | None = None
    unchanged: list[Shown] = field(default_factory=list)  # conditional, nothing has changed
    again: Shown | None = None  # unconditional, nothing has changed
    changed: list[Shown] = field(
        default_factory=list
    )  # conditional, after a change of the price or in another language
    languages: list[Shown] = field(default_factory=list)  # through a shared cache
    personal: list[Shown] = field(default_factory=list)  # through a shared cache
    kept: list[str] = field(default_factory=list)  # personal data that the shared cache holds


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
    random = bench.random("catalog")
    lamp, desk = random.sample(range(10, 1000), 2)
    names = {"en": "Desk lamp", "de": "Schreibtischlampe"}
    products = {
        lamp: {"names": names, "price": "19.90"},
        desk: {"names": {"en": "Desk", "de": "Tisch"}, "price": "240.00"},
    }
    ada, bob = f"ada-{random.randrange(10**6)}", f"bob-{random.randrange(10**6)}"
    customers = {
        ada: {"name": "Ada", "email": "ada@shop.test"},
        bob: {"name": "Bob", "email": "bob@shop.test"},
    }
    path = socket_in(bench.scratch())
    worker = answer.spawn(driver=DRIVER)
    started = worker.call("__open__", Resource("listener", path), products, customers)
    if not started.ok or not isinstance(started.value, dict):
        problem = started.error.message if started.error else "it did not come back"
        raise Rejected(f"Building the application failed: {problem}")
    if not started.value.get("ok"):
        raise Rejected(f"The application did not start: {started.value.get('reason')}.")
    history = History()
    url, account = f"/products/{lamp}", "/account"

    def bearer(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    with AppClient(path) as client:

        def ask(what: str, path: str, headers: dict[str, str], wanted: str = "", status: int = 200) -> Shown:
            return Shown(what, client.request("GET", path, headers=headers), wanted, status)

        history.plain = [
            ask("a product in English", url, ENGLISH, "Desk lamp"),
            ask("a product in German", url, GERMAN, "Schreibtischlampe"),
            ask("its price", url, ENGLISH, "19.90"),
            ask("an unknown product", "/products/999999", ENGLISH, status=404),
            ask("Ada's account", account, bearer(ada), "ada@shop.test"),
            ask("an account without a token", account, {}, status=401),
            ask("an account with a wrong token", account, bearer("nobody"), status=401),
        ]
        history.product = ask("a product", url, ENGLISH, "Desk lamp")
        tag = history.product.exchange.headers.get("etag", "")
        history.again = ask("the same product again", url, ENGLISH, "Desk lamp")
        if tag:
            plain = tag.removeprefix("W/")
            for what, value in (
                ("If-None-Match with its ETag", tag),
                ("If-None-Match with a list", f'"something-else", {tag}'),
                ("If-None-Match, weakened on the way", f"W/{plain}"),
            ):
                history.unchanged.append(ask(what, url, {**ENGLISH, "If-None-Match": value}, status=304))
            history.changed.append(
                ask(
                    "the German one with the English ETag", url, {**GERMAN, "If-None-Match": tag}, names["de"]
                )
            )
        cache = SharedCache(client)
        for headers, wanted in ((ENGLISH, "Desk lamp"), (GERMAN, names["de"]), (ENGLISH, "Desk lamp")):
            language = headers["Accept-Language"]
            history.languages.append(
                Shown(f"the product in {language!r}, through a shared cache", cache.get(url, headers), wanted)
            )
        for who, headers, wanted, status in (
            ("nobody", {}, "", 401),
            ("Ada", bearer(ada), "ada@shop.test", 200),
            ("Bob", bearer(bob), "bob@shop.test", 200),
            ("nobody", {}, "", 401),
        ):
            shown = Shown(
                f"the account asked for by {who}, through a shared cache",
                cache.get(account, headers),
                wanted,
                status,
            )
            history.personal.append(shown)
        history.kept = [str(c["email"]) for c in customers.values() if cache.holds(str(c["email"]))]
        worker.call("__price__", lamp, "21.50")
        if tag:
            history.changed.append(
                ask(
                    "If-None-Match, after the price has changed",
                    url,
                    {**ENGLISH, "If-None-Match": tag},
                    "21.50",
                )
            )
    worker.kill()
    return history


def first_wrong(shown: list[Shown]) -> Ruling:
    return next((s.wrong() for s in shown if not s.right), True)


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
    tag = history.product.exchange.headers.get("etag", "")
    if not tag:
        return fail(
            "an ETag on a product",
            "no ETag",
            "Without a tag there is nothing to ask about.",
            [history.product.table()],
        )
    if not tag.removeprefix("W/").startswith('"'):
        return fail("an ETag in double quotes", f"ETag: {tag}", evidence=[history.product.table()])
    if history.again.exchange.headers.get("etag") != tag:
        return fail(
            f"the same ETag ({tag}) as long as nothing changes",
            f"{history.again.exchange.headers.get('etag')}",
            "A tag made from the moment, or from the process, never matches.",
        )
    for shown in history.unchanged:
        if not shown.right:
            return shown.wrong()
        if shown.exchange.body:
            return fail("no body in a 304", f"{len(shown.exchange.body)} bytes", evidence=[shown.table()])
        if shown.exchange.headers.get("etag", "").removeprefix("W/") != tag.removeprefix("W/"):
            return fail(f"the ETag in the 304 as well: {tag}", "it is not there", evidence=[shown.table()])
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
    seconds = lifetime(history.product.exchange)
    told = history.product.exchange.headers.get("cache-control", "none")
    if not SHORTEST <= seconds <= LONGEST:
        return fail(
            f"a lifetime of {SHORTEST:.0f} to {LONGEST:.0f} seconds for shared caches",
            f"Cache-Control: {told}",
            evidence=[history.product.table()],
        )
    for shown in history.unchanged:
        if shown.right and directives(shown.exchange.headers.get("cache-control", "")) != directives(told):
            return fail(
                "the same Cache-Control in the 304, which renews what is kept",
                f"Cache-Control: {shown.exchange.headers.get('cache-control', 'none')}",
                evidence=[shown.table()],
            )
    return True


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
