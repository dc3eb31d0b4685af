"""The shared cache of the lesson keeps what it may, hands it to whoever asks the same, and asks when it is stale."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, Request, Response

from grader.instruments.clock import VirtualClock
from grader.instruments.http_cache import HttpCache, may_keep


@pytest.fixture
def shop():
    app = FastAPI()
    app.state.headers, app.state.version = {}, 1

    @app.get("/lamp")
    def lamp(request: Request):
        tag = f'"{app.state.version}"'
        headers = {**app.state.headers, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(
            f"lamp {app.state.version} {request.headers.get('accept-language', '')}", headers=headers
        )

    return app


def test_what_is_stale_is_asked_for_with_its_tag(shop):
    shop.state.headers = {"Cache-Control": "max-age=60"}
    clock = VirtualClock()
    cache = HttpCache(shop, clock)
    assert cache.get("/lamp").by == "app"
    assert cache.get("/lamp").by == "cache"
    clock.advance(60)
    asked = cache.get("/lamp")
    assert (asked.status, asked.by, asked.sent) == (200, "cache, asked", 0)
    assert cache.get("/lamp").by == "cache"
    clock.advance(60)
    shop.state.version = 2
    changed = cache.get("/lamp")
    assert (changed.text, changed.by) == ("lamp 2 ", "app")


def test_vary_keeps_one_copy_for_each_value(shop):
    shop.state.headers = {"Cache-Control": "s-maxage=60", "Vary": "Accept-Language"}
    cache = HttpCache(shop, VirtualClock())
    assert [cache.get("/lamp", accept_language=w).by for w in ("de", "en", "de")] == ["app", "app", "cache"]
    assert cache.get("/lamp", accept_language="en").text == "lamp 1 en"


@pytest.mark.parametrize(
    "told, authorized, kept",
    [
        ("max-age=60", False, True),
        ("no-store", False, False),
        ("private, max-age=60", False, False),
        ("max-age=60", True, False),
        ("public, max-age=60", True, True),
        ("", False, False),
    ],
)
def test_what_may_be_kept_is_what_the_headers_allow(told, authorized, kept):
    assert may_keep({"cache-control": told}, authorized) is kept
