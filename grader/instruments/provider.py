"""A payment provider that runs here: real HTTP, real idempotency keys, faults on demand. Its webhooks: `grader.instruments.webhooks`.

    with PaymentProvider(bench.scratch(), journal=journal, clock=clock) as bank:
        bank.script("cut after")                             # the next charge succeeds, its reply is lost
        worker.call("run_charge", connection, bank.socket("A"), order_id)
        bank.charged("order-7")                              # total charged in cents, refunds taken off
        bank.charges                                         # every Charge there ever was

and in the worker's driver source

    from grader.instruments.provider import PaymentClient
    def run_charge(conn, path, order_id): return charge(conn, PaymentClient(path), order_id)

The wire:

    POST /v1/charges {"amount": cents, "currency": "EUR", "reference": text}   Idempotency-Key: key (optional)
        201 the charge; 200 with Idempotent-Replayed: true for the same key and body; 422 for the same key with another
        body; 402 if declined; 400 if malformed. Requests are dealt with one by one, so no key is ever under way.
    GET /v1/charges/ID, GET /v1/charges?reference=TEXT -> {"data": [charge, ...]}
    POST /v1/charges/ID/refunds {} -> 201 the charge, refunded

`lookup_lag`: seconds of virtual time before a new charge shows in look-ups, as with real providers; 0 by default.
Keys are forgotten after `key_lifetime` virtual seconds.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grader.instruments import standin
from grader.instruments.clock import VirtualClock
from grader.instruments.standin import Request, Response, StandIn
from grader.instruments.steps import Journal

DAY = 24 * 3600.0


class ProviderError(Exception):
    """Base of what `PaymentClient` raises."""


class ProviderTimeout(ProviderError):
    """No reply in time, or the connection broke: the money may or may not have moved."""


class ProviderUnavailable(ProviderError):
    """A 5xx: the provider had trouble, before or after moving the money."""


class ProviderRefused(ProviderError):
    """A 4xx: the provider understood and did not move the money. `status`: the code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Charge:
    """amount in cents; created in seconds since 1970, virtual; key: the idempotency key it came with, "" if none."""

    id: str
    amount: int
    currency: str
    reference: str
    created: float
    key: str
    status: str = "succeeded"

    def public(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if k != "key"}


@dataclass
class _Remembered:
    body: bytes
    response: Response
    at: float


class PaymentProvider(StandIn):
    """See the module. Everything a check may look at is public; requests arrive in `requests`."""

    lane = "provider"

    def __init__(
        self,
        folder: Path | str,
        *,
        journal: Journal | None = None,
        clock: VirtualClock | None = None,
        timeout_takes: float = 10.0,
        lookup_lag: float = 0.0,
        key_lifetime: float = DAY,
    ) -> None:
        super().__init__(folder, journal=journal, clock=clock, timeout_takes=timeout_takes)
        self.charges: list[Charge] = []
        self.declined: set[str] = set()  # references whose card is refused
        self.lookup_lag, self.key_lifetime = lookup_lag, key_lifetime
        self._keys: dict[str, _Remembered] = {}

    def charged(self, reference: str) -> int:
        """Cents taken for `reference` and not given back."""
        return sum(c.amount for c in self.charges if c.reference == reference and c.status == "succeeded")

    def forget(self) -> None:
        """Empties the books between two runs of a scenario."""
        self.charges.clear()
        self.declined.clear()
        self.requests.clear()
        self._keys.clear()
        self._scripted.clear()

    def describe(self, request: Request) -> str:
        told = request.json() if request.method == "POST" else None
        if isinstance(told, dict) and "amount" in told:
            key = request.headers.get("idempotency-key", "none")
            return f"charge {told['amount']} for {told.get('reference')} (key {key[:12]})"
        query = "&".join(f"{k}={v}" for k, v in request.query.items())
        return f"{request.method} {request.path}{'?' + query if query else ''}"

    def respond(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if parts[:2] != ["v1", "charges"]:
            return Response.of({"error": "no such resource"}, 404)
        match (request.method, parts[2:]):
            case ("POST", []):
                return self._once(request)
            case ("GET", []):
                wanted = request.query.get("reference")
                return Response.of(
                    {"data": [c.public() for c in self._visible() if wanted in (None, c.reference)]}
                )
            case ("GET", [identity]):
                return self._one(identity)
            case ("POST", [identity, "refunds"]):
                return self._refund(identity)
        return Response.of({"error": "method not allowed"}, 405)

    def _once(self, request: Request) -> Response:
        key = request.headers.get("idempotency-key", "")
        known = self._keys.get(key) if key else None
        if known and self.clock.time() - known.at < self.key_lifetime:
            if known.body != request.body:
                return Response.of({"error": "this key was used for another request"}, 422)
            headers = {**known.response.headers, "idempotent-replayed": "true"}
            return Response(
                200 if known.response.status == 201 else known.response.status, known.response.body, headers
            )
        response = self._charge(request.json(), key)
        if key and response.status in (201, 402):
            self._keys[key] = _Remembered(request.body, response, self.clock.time())
        return response

    def _charge(self, told: Any, key: str) -> Response:
        amount = told.get("amount") if isinstance(told, dict) else None
        if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
            return Response.of({"error": "amount must be a positive number of cents"}, 400)
        reference, currency = str(told.get("reference", "")), str(told.get("currency", "EUR"))
        if reference in self.declined:
            return Response.of({"error": "card declined"}, 402)
        charge = Charge(f"ch_{len(self.charges) + 1}", amount, currency, reference, self.clock.time(), key)
        self.charges.append(charge)
        return Response.of(charge.public(), 201)

    def _visible(self) -> list[Charge]:
        return [c for c in self.charges if self.clock.time() - c.created >= self.lookup_lag]

    def _one(self, identity: str) -> Response:
        found = [c for c in self._visible() if c.id == identity]
        return Response.of(found[0].public()) if found else Response.of({"error": "no such charge"}, 404)

    def _refund(self, identity: str) -> Response:
        for charge in self.charges:
            if charge.id == identity:
                charge.status = "refunded"
                return Response.of(charge.public(), 201)
        return Response.of({"error": "no such charge"}, 404)


class PaymentClient:
    """The provider as the answer sees it. `path`: a stand-in's socket; timeout: seconds it waits for a reply."""

    def __init__(self, path: str, *, timeout: float = 5.0) -> None:
        self._http = standin.client(path, timeout=timeout)

    def charge(
        self, *, amount: int, reference: str, currency: str = "EUR", idempotency_key: str | None = None
    ) -> dict[str, Any]:
        """Takes `amount` cents. Raises ProviderTimeout, ProviderUnavailable or ProviderRefused."""
        body = {"amount": amount, "currency": currency, "reference": reference}
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._ask("POST", "/v1/charges", json=body, headers=headers)

    def find(self, reference: str) -> list[dict[str, Any]]:
        """All charges made for `reference`, oldest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/v1/charges", params={"reference": reference})["data"]
        return found

    def get(self, charge_id: str) -> dict[str, Any]:
        return self._ask("GET", f"/v1/charges/{charge_id}")

    def refund(self, charge_id: str) -> dict[str, Any]:
        return self._ask("POST", f"/v1/charges/{charge_id}/refunds", json={})

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        import httpx

        try:
            response = self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise ProviderTimeout(f"{method} {path}: no reply") from error
        if response.status_code >= 500:
            raise ProviderUnavailable(f"{method} {path}: {response.status_code}")
        try:
            told: dict[str, Any] = response.json()
        except ValueError:
            raise ProviderUnavailable(f"{method} {path}: the reply is no JSON") from None
        if response.status_code >= 400:
            raise ProviderRefused(response.status_code, str(told.get("error", "")))
        return told
