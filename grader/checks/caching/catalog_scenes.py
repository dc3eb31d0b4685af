"""The scenes of `catalog`: the app asked by browsers, by those who have a copy already, and through a shared cache."""

from __future__ import annotations

from dataclasses import dataclass, field

from grader.checks.caching.catalog_app import NAMES, App
from grader.checks.caching.shared_cache import SharedCache, receive
from grader.checks.caching.shown import NOTHING, Content, Shown
from grader.instruments.callers import AppClient

ACCOUNT = "/account"
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


@dataclass
class History:
    plain: list[Shown] = field(default_factory=list)
    product: Shown | None = None
    unchanged: list[Shown] = field(default_factory=list)  # conditional, nothing has changed
    again: Shown | None = None  # unconditional, nothing has changed
    changed: list[Shown] = field(default_factory=list)  # conditional, another price or another language
    languages: list[Shown] = field(default_factory=list)  # through a shared cache
    personal: list[Shown] = field(default_factory=list)  # through a shared cache
    kept: list[str] = field(default_factory=list)  # personal data that the shared cache holds


def directly(app: App, client: AppClient, history: History) -> None:
    lamp = {language: {"id": app.lamp, "name": name, "price": "19.90"} for language, name in NAMES.items()}
    history.plain = [
        *(
            ask(client, f"a product {how}", app.url, headers, lamp[language])
            for how, headers, language in SPEAKERS
        ),
        ask(client, "an unknown product", "/products/999999", ENGLISH, status=404),
        ask(client, "Ada's account", ACCOUNT, bearer(app.ada), app.customers[app.ada]),
        ask(client, "an account without a token", ACCOUNT, {}, status=401),
        ask(client, "an account with a wrong token", ACCOUNT, bearer("nobody"), status=401),
    ]
    history.product = history.plain[0]


def with_a_copy(app: App, client: AppClient, history: History) -> None:
    """The product again, asked for by who has it already."""
    assert history.product
    tag = history.product.header("etag")
    history.again = ask(client, "the same product again", app.url, ENGLISH, {"name": NAMES["en"]})
    if not tag:
        return
    plain = tag.removeprefix("W/")
    for what, value in (
        ("If-None-Match with its ETag", tag),
        ("If-None-Match with a list", f'"something-else", {tag}'),
        ("If-None-Match, weakened on the way", f"W/{plain}"),
    ):
        headers = {**ENGLISH, "If-None-Match": value}
        history.unchanged.append(ask(client, what, app.url, headers, status=304))
    other = {**GERMAN, "If-None-Match": tag}
    what = "the German one with the English ETag"
    history.changed.append(ask(client, what, app.url, other, {"name": NAMES["de"]}))


def through_a_cache(app: App, client: AppClient, history: History) -> None:
    cache = SharedCache(client)
    for how, headers, language in (*SPEAKERS, SPEAKERS[0]):
        what = f"the product {how}, through a shared cache"
        history.languages.append(Shown(what, cache.get(app.url, headers), {"name": NAMES[language]}))
    for who, headers, wanted, status in (
        ("nobody", {}, {}, 401),
        ("Ada", bearer(app.ada), app.customers[app.ada], 200),
        ("Bob", bearer(app.bob), app.customers[app.bob], 200),
        ("nobody", {}, {}, 401),
    ):
        what = f"the account asked for by {who}, through a shared cache"
        history.personal.append(Shown(what, cache.get(ACCOUNT, headers), wanted, status))
    history.kept = [c["email"] for c in app.customers.values() if cache.holds(c["email"])]


def after_a_change(app: App, client: AppClient, history: History) -> None:
    assert history.product
    tag = history.product.header("etag")
    app.reprice("21.50")
    if tag:
        known = {**ENGLISH, "If-None-Match": tag}
        what = "If-None-Match, after the price has changed"
        history.changed.append(ask(client, what, app.url, known, {"price": "21.50"}))


def ask(
    client: AppClient,
    what: str,
    path: str,
    headers: dict[str, str],
    wanted: Content = NOTHING,
    status: int = 200,
) -> Shown:
    return Shown(what, receive(client, path, headers), wanted, status)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
