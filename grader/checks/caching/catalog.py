"""`catalog`: what browsers and caches on the way may keep, for whom, and how they ask whether it still holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.checks.caching.shared_cache import SharedCache, receive
from grader.checks.caching.shown import NOTHING, Content, Shown, first_wrong
from grader.checks.caching.unit import lab
from grader.checks.exercise import Rejected, Ruling, fail
from grader.checks.running import Answer, Bench, Resource
from grader.instruments.callers import AppClient
from grader.instruments.serve import socket_in

SHORTEST, LONGEST = 10.0, 3600.0
NAMES = {"en": "Desk lamp", "de": "Schreibtischlampe"}
ENGLISH, GERMAN = {"Accept-Language": "en"}, {"Accept-Language": "de"}
# Who asks, what browsers of such people send, and in which language they are answered.
SPEAKERS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("in English", ENGLISH, "en"),
    ("in German", GERMAN, "de"),
    ("in Austrian German", {"Accept-Language": "de-AT,de;q=0.9,en;q=0.8"}, "de"),
    ("for someone whose second choice is German", {"Accept-Language": "en-GB,en;q=0.9,de;q=0.5"}, "en"),
    ("in French, which there is not", {"Accept-Language": "fr-CH,fr;q=0.9"}, "en"),
    ("without a language", {}, "en"),
)
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
    try:
        _inspect.signature(catalog).bind(__load_product__, __load_customer__)
    except (TypeError, ValueError):
        pass  # an application already, as far as it can be: it wants scope, receive and send
    else:
        built = catalog(__load_product__, __load_customer__)
    return _serve.start(built, listener)


def __price__(product_id, price):
    __products__[product_id]["price"] = price
"""


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
    products = {
        lamp: {"names": NAMES, "price": "19.90"},
        desk: {"names": {"en": "Desk", "de": "Tisch"}, "price": "240.00"},
    }
    ada, bob = f"ada-{random.randrange(10**6)}", f"bob-{random.randrange(10**6)}"
    customers: dict[str, dict[str, str]] = {
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

        def ask(
            what: str, path: str, headers: dict[str, str], wanted: Content = NOTHING, status: int = 200
        ) -> Shown:
            return Shown(what, receive(client, path, headers), wanted, status)

        history.plain = [
            *(
                ask(f"a product {how}", url, headers, {"id": lamp, "name": NAMES[language], "price": "19.90"})
                for how, headers, language in SPEAKERS
            ),
            ask("an unknown product", "/products/999999", ENGLISH, status=404),
            ask("Ada's account", account, bearer(ada), customers[ada]),
            ask("an account without a token", account, {}, status=401),
            ask("an account with a wrong token", account, bearer("nobody"), status=401),
        ]
        history.product = history.plain[0]
        tag = history.product.header("etag")
        history.again = ask("the same product again", url, ENGLISH, {"name": NAMES["en"]})
        if tag:
            plain = tag.removeprefix("W/")
            for what, value in (
                ("If-None-Match with its ETag", tag),
                ("If-None-Match with a list", f'"something-else", {tag}'),
                ("If-None-Match, weakened on the way", f"W/{plain}"),
            ):
                history.unchanged.append(ask(what, url, {**ENGLISH, "If-None-Match": value}, status=304))
            other = {**GERMAN, "If-None-Match": tag}
            history.changed.append(
                ask("the German one with the English ETag", url, other, {"name": NAMES["de"]})
            )
        cache = SharedCache(client)
        for how, headers, language in (*SPEAKERS, SPEAKERS[0]):
            what = f"the product {how}, through a shared cache"
            history.languages.append(Shown(what, cache.get(url, headers), {"name": NAMES[language]}))
        for who, headers, wanted, status in (
            ("nobody", {}, {}, 401),
            ("Ada", bearer(ada), customers[ada], 200),
            ("Bob", bearer(bob), customers[bob], 200),
            ("nobody", {}, {}, 401),
        ):
            what = f"the account asked for by {who}, through a shared cache"
            history.personal.append(Shown(what, cache.get(account, headers), wanted, status))
        history.kept = [c["email"] for c in customers.values() if cache.holds(c["email"])]
        worker.call("__price__", lamp, "21.50")
        if tag:
            known = {**ENGLISH, "If-None-Match": tag}
            history.changed.append(
                ask("If-None-Match, after the price has changed", url, known, {"price": "21.50"})
            )
    worker.kill()
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
