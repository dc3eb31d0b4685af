"""`oauth_callback`: whose login it is that comes back, from whom, for whom, and whether it was asked for at all."""

from __future__ import annotations

from grader.checks.authentication.guessing import long_and_unlike
from grader.checks.authentication.oauth_guesses import first_login, guesses
from grader.checks.authentication.oauth_rulings import NEVER, fresh, none_works
from grader.checks.authentication.oauth_scenes import (
    ALICE,
    History,
    legitimate,
    mix_ups,
    odd_callbacks,
    old_cookies,
    others_attack,
    requests,
)
from grader.checks.authentication.oauth_site import REDIRECT, Site
from grader.checks.authentication.oauth_tokens import provider_goes_wrong
from grader.checks.authentication.served import refused
from grader.checks.authentication.unit import CLOCK, lab
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench

SHORTEST = 22  # characters of state and nonce
LATE = "Max-Age asks a browser to forget, and a copy of its cookies forgets nothing: your app must look at the clock."


@lab.exercise(
    "oauth_callback",
    points=7,
    read="08-authentication: OAuth 2.0 and OpenID Connect",
    coverage=lambda h: f"{len(h.attacks)} attacks among {len(h.logins)} logins",
    hints=(
        "Anybody can make any browser open /callback with any parameters. What do you know of this browser that the one "
        "who made the link cannot know?",
        "state ties the callback to the browser, nonce the ID token to the login, the verifier the code to you, iss the "
        "reply to the provider that was asked. Each closes what the others leave open.",
        "At the beginning draw all three, and keep them with the provider's name and the time under a random cookie. At "
        "the callback take that entry away, compare everything in it, redeem the code at that provider alone, verify the "
        "ID token against its keys, and give the browser a new session.",
    ),
)
def oauth_callback(answer: Answer, bench: Bench) -> History:
    history = History()
    with Site(answer, bench) as site:
        browser = site.browser()
        first = first_login(site, browser)
        history.logins.append(("a login", first, ALICE))
        for reply in (first.begun, first.back):
            if reply is not None:
                site.app.refuse_stub(reply)
        if first.who is not None:
            guesses(answer, bench, site, first, browser, history)
            legitimate(site, history)
            requests(site, history)
            provider_goes_wrong(site, history)
            others_attack(site, history)
            mix_ups(site, history)
            old_cookies(site, history)
            odd_callbacks(site, history)
        history.sent = [vars(a) for idp in (site.home, site.partner) for a in idp.asked]
        history.verifiers = [e.verifier for e in site.home.exchanges]
    return history


@oauth_callback.property(weight=0, misconception="A door that opens to nobody is a wall. " + CLOCK)
def lets_people_in(history: History) -> Ruling:
    """Whoever logs in with either provider is logged in as who they are there: by issuer and subject."""
    for what, login, who in history.logins:
        if login.who == who:
            continue
        why = (
            "An address is what a provider says about somebody; issuer and subject are who it is."
            if (login.who and "Mallory" in what)
            else ""
        )
        if login.who is None and what.endswith("new key"):
            why = "Providers change their keys when they like: a kid that is not known yet means to fetch the set again."
        return fail(f"{what}: /me says {who[0]}, {who[1]}", login.told(), why)
    return True


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="The address to come back to is one of a registered list, and the request has no say in it.",
)
def exact_redirect(history: History) -> Ruling:
    """The provider is always asked to come back to https://shop.example/callback, to the letter."""
    if not history.redirects and not history.sent:
        return unknown(NEVER)
    for what, uri in history.redirects:
        if uri != REDIRECT:
            return fail(f"redirect_uri={REDIRECT}", f"{what}: redirect_uri={uri}")
    return True


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="A code travels through the browser and is seen on the way; without a verifier of this very login whoever "
    "has the code can redeem it.",
)
def proof_of_the_code(history: History) -> Ruling:
    """Each login has a PKCE verifier of its own (S256), 43 to 128 characters, which cannot be guessed."""
    for sent in history.sent:
        if not sent["challenge"] or sent["challenge_method"] != "S256":
            return fail(
                "code_challenge with code_challenge_method=S256",
                f"code_challenge {'given' if sent['challenge'] else 'missing'}, "
                f"code_challenge_method {sent['challenge_method'] or 'missing'}",
            )
    odd = next((v for v in history.verifiers if not 43 <= len(v) <= 128), None)
    if odd is not None:
        return fail("a verifier of 43 to 128 characters", f"one of {len(odd)}")
    return fresh(history, "challenge", "code_challenge")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="What is the same for two logins, or can be calculated, the attacker brings along.",
)
def state_and_nonce_are_fresh(history: History) -> Ruling:
    """Each login has a state and a nonce of its own, at least 22 characters of the system's randomness."""
    for name in ("state", "nonce"):
        short = min((s[name] for s in history.sent), key=len, default="")
        if len(short) < SHORTEST:
            return fail(f"{name}: at least {SHORTEST} characters", f"{short!r}" if short else f"no {name}")
        ruling = fresh(history, name, name)
        if ruling is not True:
            return ruling
    return True


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="A state that is not compared with what this very browser was given lets an attacker log her in to his account, "
    "where she leaves her address and her card.",
)
def callback_belongs_to_the_browser(history: History) -> Ruling:
    """A callback counts only in the browser whose login it ends, with its state, and within ten minutes."""
    ruling = none_works(history, "state")
    return ruling if ruling is not True else none_works(history, "late", LATE)


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="The nonce says for which login a token was made. One that is not compared, or only if it is there, is none.",
)
def token_belongs_to_the_login(history: History) -> Ruling:
    """An ID token counts only in the login whose nonce it carries, and a code only in the one it was made for."""
    return none_works(history, "nonce")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="Decoding is not verifying: signature, issuer, audience and time each say something the others do not.",
)
def token_is_verified(history: History) -> Ruling:
    """An ID token counts only if the provider that was asked has signed it, for us, and for now."""
    return none_works(history, "token")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="With two providers and one callback, a reply must say whose it is, and be compared with whom this login "
    "asked, before the code is sent anywhere.",
)
def no_mix_up(history: History) -> Ruling:
    """A code is sent to the provider that this login was begun with, and only if the callback's iss names it."""
    return none_works(history, "mix-up")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="Cookies can be planted and rewritten: one from before the login must not open what it gives, and what "
    "one says counts only if nobody else could have written it.",
)
def new_session_at_login(history: History) -> Ruling:
    """A login gives a new session that cannot be made up; no cookie from before opens it."""
    return none_works(history, "session")


@oauth_callback.property(
    needs=["new_session_at_login"],
    misconception="Whoever makes up the cookie of a session is that customer, and others can do whatever your code does: count, "
    "look at a clock, run `random`, read addresses, hash names.",
)
def session_cannot_be_guessed(history: History) -> Ruling:
    """A session's cookie is long, Secure and HttpOnly, and neither code nor addresses nor other sessions tell it."""
    if history.guessed:
        return fail("a session that nobody can make up", history.guessed)
    if history.exposed:
        return fail(
            "a session's cookie that is Secure and HttpOnly",
            f"{' and '.join(history.needed)}: not both",
            "What scripts read or the plain wire carries need not be guessed: it is stolen.",
        )
    return long_and_unlike(history.sessions, "sessions") if history.sessions else unknown(NEVER)


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="The callback's address stays in history and logs; what was kept for it goes when it is used.",
)
def callback_works_once(history: History) -> Ruling:
    """A callback that is opened again is refused, and its code is not sent a second time."""
    if history.replay is None:
        return unknown(NEVER)
    again, times = history.replay
    if times > 1:
        return fail("the code is sent to the provider once", f"{times} times")
    return refused(again) or fail("4xx", again.trouble or again.line())


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="Anybody can open the callback with anything: what does not fit is everyday, not an error of the app.",
)
def refuses_properly(history: History) -> Ruling:
    """A callback that does not count is answered with 4xx."""
    for what, reply in history.odd:
        if not refused(reply):
            works = any(a.works for a in history.attacks if a.name == what)
            if not works:
                return fail(f"{what}: 4xx", reply.trouble or reply.line())
    return True
