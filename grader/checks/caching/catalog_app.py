"""Where `catalog` runs: a process with the app, what it sells in two languages, and two customers."""

from __future__ import annotations

from grader.checks.exercise import Rejected
from grader.checks.running import Answer, Bench, Resource
from grader.instruments.serve import socket_in

NAMES = {"en": "Desk lamp", "de": "Schreibtischlampe"}
DRIVER = """
import inspect as _inspect
from grader.instruments import serve as _serve

__products__, __customers__ = {}, {}


def __load_product__(product_id, language="en"):
    found = __products__.get(int(product_id))
    if found is None:
        return None
    name = found["names"].get(language, found["names"]["en"])
    return {"id": int(product_id), "name": name, "price": found["price"]}


def __load_customer__(token):
    return __customers__.get(token)


def __open__(listener, products, customers):
    __products__.update(products)
    __customers__.update(customers)
    built = catalog
    try:
        _inspect.signature(catalog).bind(__load_product__, __load_customer__)
    except (TypeError, ValueError):
        pass  # an application already, as far as it can be: it wants scope, receive and send
    else:
        built = catalog(__load_product__, __load_customer__)
    return _serve.start(built, listener)


def __price__(product_id, price):
    __products__[product_id]["price"] = price
"""


class App:
    """The app in its process. ada, bob: the tokens of its customers."""

    def __init__(self, answer: Answer, bench: Bench) -> None:
        random = bench.random("catalog")
        self.lamp, desk = random.sample(range(10, 1000), 2)
        products = {
            self.lamp: {"names": NAMES, "price": "19.90"},
            desk: {"names": {"en": "Desk", "de": "Tisch"}, "price": "240.00"},
        }
        self.ada, self.bob = f"ada-{random.randrange(10**6)}", f"bob-{random.randrange(10**6)}"
        self.customers: dict[str, dict[str, str]] = {
            self.ada: {"name": "Ada", "email": "ada@shop.test"},
            self.bob: {"name": "Bob", "email": "bob@shop.test"},
        }
        self.url = f"/products/{self.lamp}"
        self.path = socket_in(bench.scratch())
        self.worker = answer.spawn(driver=DRIVER)
        started = self.worker.call("__open__", Resource("listener", self.path), products, self.customers)
        if not started.ok or not isinstance(started.value, dict):
            problem = started.error.message if started.error else "it did not come back"
            raise Rejected(f"Building the application failed: {problem}")
        if not started.value.get("ok"):
            raise Rejected(f"The application did not start: {started.value.get('reason')}.")

    def reprice(self, price: str) -> None:
        self.worker.call("__price__", self.lamp, price)
