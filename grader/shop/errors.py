"""What can go wrong in the shop, as typed exceptions that answers raise and checks look for."""

from __future__ import annotations


class ShopError(Exception):
    """Any refusal of the shop. Raising one means: nothing was changed."""


class InsufficientFunds(ShopError):
    """The source account holds less than the amount to be transferred."""


class UnknownAccount(ShopError):
    """No account has this id."""


class SameAccount(ShopError):
    """Source and target of a transfer are one account."""


class InvalidAmount(ShopError):
    """An amount or quantity is zero, negative or finer than the currency allows."""


class UnknownCustomer(ShopError):
    """No customer has this id or address."""


class UnknownProduct(ShopError):
    """No product has this id or sku."""


class UnknownOrder(ShopError):
    """No order has this id."""


class OutOfStock(ShopError):
    """Fewer pieces are on hand than asked for."""


class StaleVersion(ShopError):
    """The row was changed since the version the caller read; read again, decide again."""


class NoDoctorLeft(ShopError):
    """Nobody would be left on call."""


class AlreadyRunning(ShopError):
    """Another node holds the job."""


class PaymentDeclined(ShopError):
    """The provider refused the charge: final, do not repeat it."""


class PaymentUnknown(ShopError):
    """The provider did not answer in time: the charge may or may not exist, find out before charging again."""


class InvalidCredentials(ShopError):
    """Unknown address or wrong password; deliberately does not say which."""


class TooManyAttempts(ShopError):
    """Throttled: refused without looking at the password. `retry_after` is in seconds."""

    def __init__(self, message: str = "Too many attempts.", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidToken(ShopError):
    """A token is forged, expired, revoked or not meant for us."""


class InvalidKey(ShopError):
    """An API key is unknown, malformed, over or revoked; deliberately does not say which."""


class MissingScope(ShopError):
    """The key is good, but not for this."""
