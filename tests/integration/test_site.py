"""An app of a lesson, visited with a browser that keeps cookies, and a login watched on the real provider."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from grader.instruments.oidc import OpenIdProvider
from grader.instruments.standin import client
from grader.notebook.sign_in import watch_login
from grader.notebook.site import Site


def test_the_browser_keeps_secure_cookies_and_drops_expired_ones():
    app = FastAPI()

    @app.get("/in")
    def come(response: Response) -> None:
        response.set_cookie("__Host-s", "1", secure=True, httponly=True)

    @app.get("/out")
    def leave(response: Response) -> None:
        response.delete_cookie("__Host-s")

    @app.get("/who")
    def who(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    with Site(app) as site:
        ada, bo = site.browser(), site.browser()
        ada.get("/in")
        assert ada.get("/who").json() == {"__Host-s": "1"}
        assert bo.get("/who").json() == {}
        ada.get("/out")
        assert ada.get("/who").json() == {}


def test_what_is_no_app_is_refused_with_a_reason():
    with pytest.raises(RuntimeError, match="not an application"):
        Site("shop")


def test_a_watched_login_names_the_same_value_by_the_same_letter(tmp_path):
    idp = OpenIdProvider(tmp_path)
    shop = idp.register("shop", redirect_uris=("http://shop.test/callback",))
    idp.require_pkce = False
    app = FastAPI()

    @app.get("/login")
    def login() -> RedirectResponse:
        asked = (
            "response_type=code&client_id=shop&scope=openid&state=abc&redirect_uri=http://shop.test/callback"
        )
        return RedirectResponse(f"{idp.issuer}/authorize?{asked}", 302)

    @app.get("/callback")
    def callback(code: str) -> int:
        with client(idp.socket("shop")) as http:
            form = {"grant_type": "authorization_code", "code": code}
            return http.post("/token", data=form, auth=(shop.id, shop.secret)).status_code

    with idp, Site(app) as site:
        steps = watch_login(site.browser(), idp)["steps"]
    results = [step["result"] for step in steps]
    assert "code=C state=S" in " ".join(results)
    assert "grant_type=authorization_code code=C, and the client's secret" in results
    failed = next(step for step in steps if step["state"] == "error")
    assert failed["text"] == "invalid_grant: redirect_uri differs from the one asked with"
