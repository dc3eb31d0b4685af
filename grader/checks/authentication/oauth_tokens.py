"""A provider of `oauth_callback` that goes wrong: in what it sends along, and in its ID tokens."""

from __future__ import annotations

from grader.checks.authentication.oauth_scenes import Attack, History
from grader.checks.authentication.oauth_site import HOME, Site

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


def provider_goes_wrong(site: Site, history: History) -> None:
    for family, ways in WRONG.items():
        for how in ways:
            site.home.misbehave(how)
            login = site.log_in(site.browser(), site.home)
            history.attacks.append(Attack(SAID[how], family, login.back, login.who))
    site.home.behave()
    later = int(site.clock.time()) + 3600
    for what, idp, claims, key in (
        (
            "an ID token of the partner that names the other provider as its issuer",
            site.partner,
            {"iss": HOME},
            None,
        ),
        ("an ID token that begins in an hour (nbf)", site.home, {"nbf": later, "exp": later + 300}, None),
        ("an ID token issued an hour from now (iat)", site.home, {"iat": later, "exp": later + 300}, None),
        ("an ID token without exp", site.home, {"exp": None}, None),
        ("an ID token signed by a key of the other provider", site.home, {}, site.partner.keys[0]),
    ):
        idp.claims_instead, idp.key_instead = claims, key
        login = site.log_in(site.browser(), idp)
        idp.claims_instead, idp.key_instead = {}, None
        history.attacks.append(Attack(what, "token", login.back, login.who))
