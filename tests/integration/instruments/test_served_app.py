"""Apps served for real on a unix socket: what starts, what does not, and what is left behind."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from grader.instruments import serve
from grader.instruments.serve import AppClient
from grader.instruments.steps import Journal


@pytest.fixture
def path(short) -> Iterator[str]:
    path = serve.socket_in(short)
    yield path
    serve.stop(path)


def test_requests_are_really_concurrent(path: str) -> None:
    app, here, all_here = FastAPI(), [], asyncio.Event()

    @app.get("/meet")
    async def meet() -> int:
        here.append(1)
        if len(here) == 50:
            all_here.set()
        await all_here.wait()
        return len(here)

    assert serve.start(app, path) == {"ok": True, "reason": ""}
    with AppClient(path) as client:
        calls = [client.start("GET", "/meet") for _ in range(50)]
        assert [c.result().json() for c in calls] == [50] * 50


def test_an_app_takes_over_a_socket_that_listens_already(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        with AppClient(path) as client:
            early = client.start("GET", "/nowhere")  # waits until somebody accepts it
            assert serve.start(FastAPI(), listener)["ok"]
            assert early.result().status == 404
            assert serve.stop(path)["stopped"]
            assert client.request("GET", "/nowhere").ended == "broken"


def test_lifespan_is_honoured(path: str) -> None:
    told = []

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        told.append("up")
        yield
        told.append("down")

    assert serve.start(FastAPI(lifespan=lifespan), path)["ok"]
    assert told == ["up"]
    report = serve.stop(path)
    assert told == ["up", "down"]
    assert report["stopped"] and not report["hangs"]


def test_an_app_that_cannot_start_says_why(path: str) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        raise RuntimeError("no database")
        yield

    class NotAsgi:
        def __call__(self, one: int) -> None: ...

    reasons = {
        "the app failed to start: RuntimeError: no database": FastAPI(lifespan=lifespan),
        "`app` is the class FastAPI, not an instance: bind `app = FastAPI()`": FastAPI,
        "`app` is an int, not an application: bind `app = FastAPI()`": 3,
        "`app` is no ASGI application: bind `app = FastAPI()`": NotAsgi(),
    }
    for reason, app in reasons.items():
        assert serve.start(app, path) == {"ok": False, "reason": reason}
    assert serve.start(FastAPI(), path)["ok"]


def test_replies_of_every_kind_are_bounded_and_described(path: str) -> None:
    app = FastAPI()

    @app.get("/enormous")
    def enormous() -> StreamingResponse:
        def endless() -> Iterator[bytes]:
            while True:
                yield b"x" * 65536

        return StreamingResponse(endless())

    @app.get("/text")
    def text() -> PlainTextResponse:
        return PlainTextResponse("{not json")

    @app.get("/raises")
    def raises() -> None:
        raise ValueError("out of ideas")

    @app.get("/cookies")
    def cookies(response: Response) -> dict[str, Any]:
        response.set_cookie("session", "s", httponly=True)
        response.set_cookie("other", "o")
        return {"a": 1}

    @app.get("/halfway")
    async def halfway() -> StreamingResponse:
        async def broken():
            yield b"half"
            raise RuntimeError("gone")

        return StreamingResponse(broken(), headers={"content-length": "100"})

    assert serve.start(app, path)["ok"]
    journal = Journal()
    with AppClient(path, journal=journal, largest=200_000) as client:
        reply = client.request("GET", "/enormous")
        assert reply.truncated and len(reply.body) == 200_000 and reply.json() is None
        assert reply.trouble == "GET /enormous returned more than 200,000 bytes"
        assert client.request("GET", "/text").json() is None
        assert (
            client.request("GET", "/raises").trouble
            == "GET /raises returned 500: the app raised ValueError: out of ideas"
        )
        cookies = client.request("GET", "/cookies")
        assert (cookies.ok, cookies.json(), len(cookies.cookies)) == (True, {"a": 1}, 2)
        assert "HttpOnly" in cookies.cookies[0]
        assert client.request("GET", "/halfway").ended == "broken"
        assert client.request("POST", "/text").status == 405
    errors = serve.stop(path)["errors"]
    assert {"path": "/raises", "type": "ValueError", "message": "out of ideas", "line": 0} in errors
    assert [s["lane"] for s in journal.timeline()["steps"]] == ["caller"] * 12


def test_the_caller_is_told_which_exception_got_out(path: str) -> None:
    app = FastAPI()
    cell = "def typo():\n    return 'Ada'.emial\n"
    names: dict[str, Any] = {}
    exec(compile(cell, "<answer>", "exec"), names)
    app.get("/typo")(names["typo"])

    @app.get("/long")
    async def long() -> None:
        raise LookupError("<b>\n\x1b[31m" + "x" * 500)

    @app.get("/mute")
    async def mute() -> None:
        raise LookupError

    @app.get("/busy")
    async def busy() -> None:
        raise HTTPException(503, "come back later")

    @app.get("/forged")
    async def forged() -> Response:
        return Response("no", 503, {"Grader-Raised": '"nothing at all"'})

    async def bare(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/bare":
            raise LookupError("no framework")
        await app(scope, receive, send)

    assert serve.start(bare, path)["ok"]
    with AppClient(path) as client:

        def told(name: str) -> str:
            reply = client.request("GET", f"/{name}")
            assert "grader-raised" not in reply.headers
            start, _, rest = reply.trouble.partition(": ")
            assert start == f"GET /{name} returned {reply.status}"
            return rest

        assert told("typo") == "the app raised AttributeError: 'str' object has no attribute 'emial' (line 2)"
        assert told("long").startswith("the app raised LookupError: <b> \ufffd[31mxxx")
        assert len(told("long")) == len("the app raised ") + 200
        assert told("mute") == "the app raised LookupError"
        assert told("busy") == '{"detail":"come back later"}'
        assert told("forged") == "no"
        assert told("bare") == "the app raised LookupError: no framework"


def test_what_an_app_leaves_behind_is_named(path: str) -> None:
    app, gate, kept = FastAPI(), threading.Event(), []

    @app.get("/litter")
    async def litter() -> None:
        kept.append(asyncio.create_task(asyncio.Event().wait(), name="forgotten"))
        threading.Thread(target=gate.wait, name="stray", daemon=True).start()

    assert serve.start(app, path)["ok"]
    with AppClient(path) as client:
        assert client.request("GET", "/litter").ok
    report = serve.stop(path)
    gate.set()
    assert report["tasks_left"] == ["Event.wait"]
    assert report["threads_left"] == ["stray"]


def test_an_app_that_never_answers_is_ended(path: str) -> None:
    app, started = FastAPI(), threading.Event()

    @app.get("/stuck")
    async def stuck() -> None:
        started.set()
        await asyncio.Event().wait()

    assert serve.start(app, path)["ok"]
    with AppClient(path) as client:
        call = client.start("GET", "/stuck")
        assert started.wait(20)
        report = serve.stop(path)
        assert report["stopped"]
        assert call.result().trouble
    assert serve.start(FastAPI(), path)["ok"]  # the next check is clean


def test_an_app_that_swallows_cancellation_is_told_apart(path: str) -> None:
    app, started, over = FastAPI(), threading.Event(), threading.Event()

    @app.get("/stubborn")
    async def stubborn() -> None:
        started.set()
        while not over.is_set():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.to_thread(over.wait)

    assert serve.start(app, path)["ok"]
    with AppClient(path) as client:
        client.start("GET", "/stubborn")
        assert started.wait(20)
        report = serve.stop(path)
        over.set()
    assert report["hangs"] and not report["stopped"]
