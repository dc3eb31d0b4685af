"""`oauth_callback`: whose login it is that comes back, from whom, for whom, and whether it was asked for at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from grader.checks.authentication.oauth_site import HOME, PARTNER, REDIRECT, Login, Provider, Site, Who
from grader.checks.authentication.served import refused
from grader.checks.authentication.unit import lab
from grader.checks.exercise import Ruling, fail, unknown
from grader.checks.running import Answer, Bench
from grader.instruments.callers import Exchange
from grader.instruments.oidc import Exchanged
from grader.verdict import Evidence

MINUTE = 60.0
SHORTEST = 22  # characters of state and nonce
ALICE, BOB = (HOME, "alice"), (HOME, "bob")
# What the provider's side can get wrong, by the property that looks at it.
WRONG = {
    "state": ("wrong state", "no state"),
    "nonce": ("wrong nonce", "no nonce"),
    "token": (
        "wrong audience",
        "wrong issuer",
        "expired",
        "not yet valid",
        "no signature",
        "key confusion",
        "unknown key",
        "tampered",
    ),
    "mix-up": ("mix-up issuer",),
}
SAID = {
    "wrong state": "a callback with another state",
    "no state": "a callback without state",
    "wrong nonce": "an ID token with another login's nonce",
    "no nonce": "an ID token without a nonce",
    "wrong audience": "an ID token for another client",
    "wrong issuer": "an ID token that names another issuer",
    "expired": "an ID token that ran out an hour ago",
    "not yet valid": "an ID token of an hour from now",
    "no signature": "an ID token with alg none",
    "key confusion": "an ID token signed HS256 with the public key",
    "unknown key": "an ID token signed by a key that is not in the set",
    "tampered": "an ID token whose payload was changed",
    "mix-up issuer": "a callback in the name of another issuer",
}


@dataclass
class Attack:
    """Something that must let nobody in. who: who was logged in afterwards. leaked: what somebody else has got of it."""

    name: str
    family: str
    reply: Exchange | None
    who: Who | None
    leaked: str = ""

    @property
    def works(self) -> bool:
        return self.who is not None or bool(self.leaked)

    def line(self) -> list[str]:
        reply = (self.reply.trouble or self.reply.line()) if self.reply else "no callback"
        return [self.name, reply, self.outcome()]

    def outcome(self) -> str:
        return self.leaked or (f"logged in as {self.who[1]}" if self.who else "nobody is logged in")


@dataclass
class History:
    logins: list[tuple[str, Login, Who]] = field(default_factory=list)  # what, login, who it must be
    attacks: list[Attack] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)  # queries of redirects to a provider
    redirects: list[tuple[str, str]] = field(default_factory=list)  # what the request said, redirect_uri
    verifiers: list[str] = field(default_factory=list)
    repeated: tuple[str, ...] = ()  # parameters that chance repeats
    replay: tuple[Exchange, int] | None = None  # the callback opened again; times its code was redeemed
    odd: list[tuple[str, Exchange]] = field(default_factory=list)

    def of(self, family: str) -> list[Attack]:
        return [a for a in self.attacks if a.family == family]

    def table(self, rows: list[Attack]) -> Evidence:
        columns = ["attack", "reply of /callback", "who is in"]
        return Evidence("table", "What was tried", {"columns": columns, "rows": [a.line() for a in rows]})


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
        first = site.log_in(site.browser(), site.home)
        history.logins.append(("a login", first, ALICE))
        for reply in (first.begun, first.back):
            if reply is not None:
                site.app.refuse_stub(reply)
        if first.who is not None:
            _legitimate(site, history)
            _requests(site, history)
            _provider_goes_wrong(site, history)
            _others_attack(site, history)
            _odd_callbacks(site, history)
        history.sent = [vars(a) for idp in (site.home, site.partner) for a in idp.asked]
        history.verifiers = [e.verifier for e in site.home.exchanges]
    return history


def _legitimate(site: Site, history: History) -> None:
    def add(what: str, login: Login, who: Who) -> None:
        history.logins.append((what, login, who))

    add("Bob's login", site.log_in(site.browser(), site.home, "bob"), BOB)
    add("a login with the partner", site.log_in(site.browser(), site.partner), (PARTNER, "alice"))
    one, two = site.browser(), site.browser()
    hers, his = site.begin(one, site.home), site.begin(two, site.home)
    to_her, to_him = site.consent(site.home, hers), site.consent(site.home, his, "bob")
    add("the first of two logins at the same time", site.finish(one, hers, to_her), ALICE)
    add("the second of two logins at the same time", site.finish(two, his, to_him), BOB)
    add("a login that takes 9 minutes", site.log_in(site.browser(), site.home, waiting=9 * MINUTE), ALICE)
    site.partner.new_key()
    add(
        "a login after the partner has a new key",
        site.log_in(site.browser(), site.partner),
        (PARTNER, "alice"),
    )
    stranger = site.log_in(site.browser(), site.home, "mallory")
    add("a login of Mallory, who says her address is Alice's", stranger, (HOME, "mallory"))


def _requests(site: Site, history: History) -> None:
    """What the app asks a provider for, whatever the request says and however chance falls."""
    for what, headers in (
        ("Host", {"Host": "evil.example"}),
        ("X-Forwarded-Host", {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}),
    ):
        login = site.begin(site.browser(), site.home, headers)
        if login.sent or login.begun.status < 400:  # refusing such a host is as good
            history.redirects.append((f"evil.example in {what}", login.sent.get("redirect_uri", "none")))
    twice = []
    for _ in range(2):
        site.app.worker.call("__seed__", 7)
        twice.append(site.begin(site.browser(), site.home).sent)
    names = ("state", "nonce", "code_challenge")
    history.repeated = tuple(n for n in names if n in twice[0] and twice[0][n] == twice[1].get(n))


def _provider_goes_wrong(site: Site, history: History) -> None:
    for family, ways in WRONG.items():
        for how in ways:
            site.home.misbehave(how)
            login = site.log_in(site.browser(), site.home)
            history.attacks.append(Attack(SAID[how], family, login.back, login.who))
    site.home.behave()
    site.partner.claims_instead = {"iss": HOME}
    login = site.log_in(site.browser(), site.partner)
    site.partner.claims_instead = {}
    what = "an ID token of the partner that names the other provider as its issuer"
    history.attacks.append(Attack(what, "token", login.back, login.who))


def _others_attack(site: Site, history: History) -> None:
    def add(what: str, family: str, login: Login, leaked: str = "") -> None:
        history.attacks.append(Attack(what, family, login.back, login.who, leaked))

    def hers() -> str:
        """The callback of a login that Mallory began in her own browser."""
        login = site.begin(site.browser(), site.home)
        return site.consent(site.home, login, "mallory")

    victim = site.browser()
    add(
        "Mallory's callback in a browser that began nothing",
        "state",
        site.finish(victim, Login(NONE, {}), hers()),
    )
    victim = site.browser()
    begun = site.begin(victim, site.home)
    add("Mallory's callback in a browser that began a login", "state", site.finish(victim, begun, hers()))
    late = site.log_in(site.browser(), site.home, waiting=11 * MINUTE)
    add("a callback 11 minutes after the login began", "state", late)

    mallory = site.browser()
    begun = site.begin(mallory, site.home)
    stolen = _query(site.consent(site.home, site.begin(site.browser(), site.home)))
    path = "/callback?" + urlencode({**stolen, "state": begun.sent.get("state", "")})
    add("Alice's code in a login that Mallory began", "nonce", site.finish(mallory, begun, path))

    alice = site.browser()
    begun = site.begin(
        alice, site.partner
    )  # the partner is the attacker: it sends her on, as if she had chosen home
    forwarded = Login(begun.begun, {**begun.sent, "client_id": next(iter(site.home.clients))})
    path = site.consent(site.home, forwarded) if begun.sent else ""
    login = site.finish(alice, begun, path)
    code = _query(path).get("code", "")
    leaked = "the partner was sent the code" if any(e.code == code for e in site.partner.exchanges) else ""
    add("a login begun with the partner comes back from the other provider", "mix-up", login, leaked)

    planted = site.browser()
    begun = site.begin(planted, site.home)
    mine = site.browser(planted)  # Mallory knows the cookies, because she put them there
    login = site.finish(planted, begun, site.consent(site.home, begun))
    add(
        "the cookies from before the login, in another browser",
        "session",
        Login(NONE, {}, login.back, site.who(mine)),
    )

    alice = site.browser()
    begun = site.begin(alice, site.home)
    path = site.consent(site.home, begun)
    login = site.finish(alice, begun, path)
    forger = site.browser(alice)
    forger.rewrite("alice", "bob")
    who = site.who(forger)
    forged = Login(NONE, {}, login.back, who if who != login.who else None)
    add("the cookie of a login, with Alice's name changed into Bob's", "session", forged)
    again = alice.get(path, from_elsewhere=True)
    history.replay = again, _redeemed(site.home, _query(path).get("code", ""))


NONE = Exchange("GET", "/login/home")


def _query(path: str) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}


def _redeemed(idp: Provider, code: str) -> int:
    tries: list[Exchanged] = [e for e in idp.exchanges if e.code == code]
    return len(tries)


def _odd_callbacks(site: Site, history: History) -> None:
    for what, query in (
        ("the user did not agree", {"error": "access_denied", "iss": HOME}),
        ("no code", {"iss": HOME}),
        ("a code that is none", {"code": "x", "iss": HOME}),
    ):
        browser = site.browser()
        begun = site.begin(browser, site.home)
        path = "/callback?" + urlencode({**query, "state": begun.sent.get("state", "")})
        history.odd.append((what, browser.get(path, from_elsewhere=True)))
    history.odd.append(("no parameters at all", site.browser().get("/callback", from_elsewhere=True)))
    history.odd += [
        (a.name, a.reply) for a in history.attacks if a.reply is not None and a.family != "session"
    ]


NEVER = "It was not tried: no login ever succeeded."


def _none_works(history: History, family: str) -> Ruling:
    rows = history.of(family)
    if not rows:
        return unknown(NEVER)
    worked = [a for a in rows if a.works]
    if not worked:
        return True
    return fail(
        "nobody is logged in, and no code is given away",
        "; ".join(f"{a.name}: {a.outcome()}" for a in worked),
        evidence=[history.table(worked)],
    )


@oauth_callback.property(weight=0, misconception="A door that opens to nobody is a wall.")
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
    return _fresh(history, "challenge", "code_challenge")


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
        ruling = _fresh(history, name, name)
        if ruling is not True:
            return ruling
    return True


def _fresh(history: History, name: str, parameter: str) -> Ruling:
    drawn = [s[name] for s in history.sent if not s["refused"]]
    if len(set(drawn)) < len(drawn):
        return fail(
            f"a {parameter} of its own for each login",
            f"{len(set(drawn))} different ones in {len(drawn)} logins",
        )
    return parameter not in history.repeated or fail(
        f"a {parameter} from the system's randomness",
        "two logins got the same, as the module random was in the same state",
        "random is made for simulations; secrets is made for this.",
    )


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="A state that is not compared with what this very browser was given lets an attacker log her in to his account, "
    "where she leaves her address and her card.",
)
def callback_belongs_to_the_browser(history: History) -> Ruling:
    """A callback counts only in the browser whose login it ends, with its state, and within ten minutes."""
    return _none_works(history, "state")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="The nonce says for which login a token was made. One that is not compared, or only if it is there, is none.",
)
def token_belongs_to_the_login(history: History) -> Ruling:
    """An ID token counts only in the login whose nonce it carries, and a code only in the one it was made for."""
    return _none_works(history, "nonce")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="Decoding is not verifying: signature, issuer, audience and time each say something the others do not.",
)
def token_is_verified(history: History) -> Ruling:
    """An ID token counts only if the provider that was asked has signed it, for us, and for now."""
    return _none_works(history, "token")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="With two providers and one callback, a reply must say whose it is, and be compared with whom this login "
    "asked, before the code is sent anywhere.",
)
def no_mix_up(history: History) -> Ruling:
    """A code is sent to the provider that this login was begun with, and only if the callback's iss names it."""
    return _none_works(history, "mix-up")


@oauth_callback.property(
    needs=["lets_people_in"],
    misconception="Cookies can be planted and rewritten: one from before the login must be worth nothing after it, and what "
    "one says counts only if nobody else could have written it.",
)
def new_session_at_login(history: History) -> Ruling:
    """A login gives a new session that cannot be made up; the cookies from before it open nothing."""
    return _none_works(history, "session")


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
