"""An app of a lesson, served for real, and a browser to visit it with."""

from __future__ import annotations

import shutil
import tempfile
from http.cookies import SimpleCookie
from typing import Any

from grader.instruments import serve
from grader.instruments.callers import AppClient, Exchange


class Site:
    """Uvicorn on a unix socket, until `close()`.

        site = Site(app)
        ada = site.browser()
        ada.post("/login", json={...}).status
        ada.cookies["session"]

    Raises RuntimeError, with the reason, where the app does not start.
    """

    def __init__(self, app: Any) -> None:
        self._folder = tempfile.mkdtemp(prefix="site-")
        self.path = serve.socket_in(self._folder)
        started = serve.start(app, self.path)
        if not started["ok"]:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise RuntimeError(started["reason"])
        self._browsers: list[Browser] = []

    def browser(self) -> Browser:
        self._browsers.append(Browser(self.path))
        return self._browsers[-1]

    def close(self) -> None:
        for browser in self._browsers:
            browser.caller.close()
        serve.stop(self.path)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Browser:
    """Keeps cookies and follows no redirect.

    Cookies marked Secure are kept and sent too, as if a proxy in front of the app spoke TLS. cookies: name -> value.
    """

    def __init__(self, path: str) -> None:
        self.caller = AppClient(path)
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **more: Any) -> Exchange:
        return self._send("GET", path, more)

    def post(self, path: str, **more: Any) -> Exchange:
        return self._send("POST", path, more)

    def _send(self, method: str, path: str, more: dict[str, Any]) -> Exchange:
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**({"cookie": sent} if sent else {}), **more.pop("headers", {})}
        reply = self.caller.request(method, path, headers=headers, **more)
        for line in reply.cookies:
            for name, morsel in SimpleCookie(line).items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
        return reply
