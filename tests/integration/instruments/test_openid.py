"""The OpenID provider: the flow works, and each misbehaviour is wrong in its one way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from grader.instruments import standin
from grader.instruments.oidc import MISBEHAVIOURS, OpenIdProvider, path_and_query

VERIFIER = "v" * 43
CALLBACK = "http://shop.test/callback"


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


class Flow:
    """A relying party that does everything right."""

    def __init__(self, idp: OpenIdProvider) -> None:
        self.idp = idp
        self.client = idp.register("shop", redirect_uris=(CALLBACK,))
        self.http = standin.client(idp.socket(), idp.issuer)
        self.at = self.http.get("/.well-known/openid-configuration").json()

    def url(self, **changes: str) -> str:
        query = {
            "client_id": "shop", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid email",
            "state": "the state", "nonce": "the nonce",
            "code_challenge": challenge(VERIFIER), "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self.at['authorization_endpoint']}?{urlencode({**query, **changes})}"

    def back(self, **changes: str) -> dict[str, str]:
        return {k: v[0] for k, v in parse_qs(urlsplit(self.idp.consent(self.url(**changes))).query).items()}

    def exchange(self, code: str, **changes: str) -> Any:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return self.http.post(
            self.at["token_endpoint"], data={**form, **changes}, auth=("shop", self.client.secret)
        )

    def keys(self) -> KeySet:
        return KeySet.import_key_set(self.http.get(self.at["jwks_uri"]).json())

    def accepts(self, back: dict[str, str]) -> str:
        """ "" or what is wrong: the checks a client owes."""
        if back.get("state") != "the state":
            return "state"
        if back.get("iss") != self.at["issuer"]:
            return "iss of the redirect"
        token = self.exchange(back["code"]).json()["id_token"]
        try:
            claims = jwt.decode(token, self.keys(), algorithms=[self.idp.algorithm]).claims
        except JoseError:
            return "signature"
        now = self.idp.clock.time()
        wanted = {"iss": self.at["issuer"], "aud": "shop", "nonce": "the nonce"}
        wrong = [k for k, v in wanted.items() if claims.get(k) != v]
        return ", ".join([*wrong, *(["time"] if not claims["iat"] <= now < claims["exp"] else [])])


@pytest.fixture(params=["RS256", "ES256"])
def flow(request, short) -> Iterator[Flow]:
    with OpenIdProvider(short, algorithm=request.param) as idp:
        yield Flow(idp)


def test_the_whole_flow(flow: Flow) -> None:
    assert flow.accepts(flow.back()) == ""
    asked = flow.idp.asked[-1]
    assert (asked.state, asked.nonce, asked.challenge_method) == ("the state", "the nonce", "S256")
    assert flow.idp.exchanges[-1].outcome == "200"


def test_a_code_works_once_and_its_replay_revokes_what_it_gave(flow: Flow) -> None:
    code = flow.back()["code"]
    access = {"Authorization": f"Bearer {flow.exchange(code).json()['access_token']}"}
    assert flow.http.get(flow.at["userinfo_endpoint"], headers=access).json()["email"] == "alice@example.com"
    assert flow.exchange(code).json()["error"] == "invalid_grant"
    assert flow.http.get(flow.at["userinfo_endpoint"], headers=access).status_code == 401


def test_the_exchange_is_strict(flow: Flow) -> None:
    assert (
        "code_verifier"
        in flow.exchange(flow.back()["code"], code_verifier="guess").json()["error_description"]
    )
    assert (
        "redirect_uri"
        in flow.exchange(flow.back()["code"], redirect_uri="http://x").json()["error_description"]
    )
    assert flow.exchange("made up").status_code == 400
    stale = flow.back()["code"]
    flow.idp.clock.advance(61)
    assert "expired" in flow.exchange(stale).json()["error_description"]
    flow.client = type(flow.client)("shop", "wrong secret", ())
    assert flow.exchange(flow.back()["code"]).status_code == 401


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"redirect_uri": CALLBACK + "/../evil"}, "redirect_uri"),
        ({"client_id": "nobody"}, "client_id"),
        ({"scope": "email"}, "openid"),
        ({"code_challenge": ""}, "code_challenge is required"),
        ({"code_challenge_method": "plain"}, "S256"),
        ({"response_type": "token"}, "response_type"),
    ],
)
def test_bad_requests_are_never_redirected(flow: Flow, change: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        flow.back(**change)
    assert why in flow.idp.asked[-1].refused


def test_every_misbehaviour_is_caught_by_the_check_it_is_about(flow: Flow) -> None:
    caught = {}
    for how in MISBEHAVIOURS:
        flow.idp.misbehave(how)
        caught[how] = flow.accepts(flow.back())
    assert caught == {
        "wrong nonce": "nonce", "no nonce": "nonce", "wrong audience": "aud", "wrong issuer": "iss",
        "expired": "time", "not yet valid": "time", "no signature": "signature", "key confusion": "signature",
        "unknown key": "signature", "tampered": "signature", "mix-up issuer": "iss of the redirect",
        "wrong state": "state", "no state": "state",
    }  # fmt: skip
    flow.idp.behave()
    assert flow.accepts(flow.back()) == ""
    with pytest.raises(ValueError, match="no such misbehaviour"):
        flow.idp.misbehave("be evil")


def test_keys_rotate_and_private_parts_stay(flow: Flow) -> None:
    flow.idp.rotate_key()
    assert flow.accepts(flow.back()) == ""
    served = flow.http.get("/jwks").json()["keys"]
    assert len(served) == 2
    assert not {"d", "p", "q"} & {name for key in served for name in key}
    flow.idp.rotate_key(keep_old=False)
    assert len(flow.idp.jwks()["keys"]) == 1


def test_a_browser_consents_over_http_too(flow: Flow) -> None:
    answer = flow.http.get(flow.url())
    assert answer.status_code == 302
    assert path_and_query(answer.headers["location"]).startswith("/callback?code=")
