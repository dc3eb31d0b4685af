"""What happens at the site of `oauth_callback`: logins, and attacks on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from grader.checks.authentication.oauth_site import HOME, PARTNER, Login, Provider, Site, Who
from grader.instruments.callers import Exchange
from grader.instruments.oidc import Exchanged
from grader.verdict import Evidence

MINUTE = 60.0
ALICE, BOB = (HOME, "alice"), (HOME, "bob")


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
    calculated: dict[str, str] = field(default_factory=dict)  # how they are made of one another, by parameter
    replay: tuple[Exchange, int] | None = None  # the callback opened again; times its code was redeemed
    odd: list[tuple[str, Exchange]] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)  # names of the cookies without which nobody is logged in
    exposed: bool = False  # whether none of those is both Secure and HttpOnly
    guessed: str = ""  # a cookie that somebody made up, and who is in with it

    def tried(self, what: str, family: str, login: Login, leaked: str = "") -> None:
        self.attacks.append(Attack(what, family, login.back, login.who, leaked))

    def of(self, family: str) -> list[Attack]:
        return [a for a in self.attacks if a.family == family]

    @property
    def sessions(self) -> list[str]:
        """What makes the session of each login, of its cookies."""
        right = [login for _, login, who in self.logins if login.who == who]
        return ["; ".join(login.cookies.get(name, "") for name in self.needed) for login in right]

    def table(self, rows: list[Attack]) -> Evidence:
        columns = ["attack", "reply of /callback", "who is in"]
        return Evidence("table", "What was tried", {"columns": columns, "rows": [a.line() for a in rows]})


def legitimate(site: Site, history: History) -> None:
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
    add("a login of Mallory, who says his address is Alice's", stranger, (HOME, "mallory"))


def requests(site: Site, history: History) -> None:
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
        with site.alike(7):
            twice.append(site.begin(site.browser(), site.home).sent)
    names = ("state", "nonce", "code_challenge")
    history.repeated = tuple(n for n in names if n in twice[0] and twice[0][n] == twice[1].get(n))


def others_attack(site: Site, history: History) -> None:
    """What Mallory tries with callbacks, and with time."""
    add = history.tried

    def hers() -> str:
        """The callback of a login that Mallory began in his own browser."""
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
    add("a callback 11 minutes after the login began", "late", late)
    hoarder = site.browser()
    begun = site.begin(hoarder, site.home)
    hoarder.hoard()
    site.clock.advance(11 * MINUTE)
    add(
        "a callback 11 minutes after the login began, with cookies that were kept although they had run out",
        "late",
        site.finish(hoarder, begun, site.consent(site.home, begun)),
    )

    mallory = site.browser()
    begun = site.begin(mallory, site.home)
    stolen = query(site.consent(site.home, site.begin(site.browser(), site.home)))
    path = "/callback?" + urlencode({**stolen, "state": begun.sent.get("state", "")})
    add("Alice's code in a login that Mallory began", "nonce", site.finish(mallory, begun, path))


def mix_ups(site: Site, history: History) -> None:
    """Callbacks that do not say that they come from the provider that was asked."""
    add = history.tried
    alice = site.browser()
    begun = site.begin(
        alice, site.partner
    )  # the partner is the attacker: it sends her on, as if she had chosen home
    forwarded = Login(begun.begun, {**begun.sent, "client_id": next(iter(site.home.clients))})
    path = site.consent(site.home, forwarded) if begun.sent else ""
    login = site.finish(alice, begun, path)
    code = query(path).get("code", "")
    leaked = "the partner was sent the code" if any(e.code == code for e in site.partner.exchanges) else ""
    add("a login begun with the partner comes back from the other provider", "mix-up", login, leaked)

    alice = site.browser()
    begun = site.begin(alice, site.home)
    fewer = {k: v for k, v in query(site.consent(site.home, begun)).items() if k != "iss"}
    path = "/callback?" + urlencode(fewer)
    add("a callback without iss", "mix-up", site.finish(alice, begun, path))


def old_cookies(site: Site, history: History) -> None:
    """What the cookies from before a login open after it, and whether they can be rewritten; its callback once more."""
    add = history.tried
    planted = site.browser()
    begun = site.begin(planted, site.home)
    mine = site.browser(planted)  # Mallory knows the cookies, because he put them there
    login = site.finish(planted, begun, site.consent(site.home, begun))
    add(
        "the cookies from before the login, in another browser",
        "session",
        Login(NONE, {}, login.back, site.who(mine)),
    )

    mine = site.browser()
    site.log_in(mine, site.home, "mallory")
    planted = site.browser(mine)  # Alice's browser, where Mallory has put all his cookies
    login = site.log_in(planted, site.home)
    who = site.who(mine)
    what = "the cookies of Mallory's own session, planted before Alice's login, in another browser"
    add(what, "session", Login(NONE, {}, login.back, who if who == ALICE else None))

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
    history.replay = again, _redeemed(site.home, query(path).get("code", ""))


NONE = Exchange("GET", "/login/home")


def query(path: str) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}


def _redeemed(idp: Provider, code: str) -> int:
    tries: list[Exchanged] = [e for e in idp.exchanges if e.code == code]
    return len(tries)


def odd_callbacks(site: Site, history: History) -> None:
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
