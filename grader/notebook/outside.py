"""Other people's systems for a lesson: a payment provider, a broker and a queue, running here, on one journal."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from grader.instruments.broker import Broker, BrokerClient
from grader.instruments.clock import VirtualClock
from grader.instruments.mailbox import Queue, QueueClient
from grader.instruments.provider import PaymentClient, PaymentProvider
from grader.instruments.steps import Journal, Step

Partner = PaymentProvider | Broker | Queue


class Outside:
    """`bank`, `broker` and `queue`: real HTTP on this machine, each exchange a step. `close()` stops them.

    They share one virtual clock, so that a day passes with `clock.advance(86_400)`.
    """

    def __init__(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="bm-")
        self.journal, self.clock = Journal(), VirtualClock()
        shared: Any = {"journal": self.journal, "clock": self.clock}
        self.bank = PaymentProvider(self._folder, **shared)
        self.broker = Broker(self._folder, **shared)
        self.queue = Queue(self._folder, **shared)

    @property
    def folder(self) -> str:
        """For sockets of instruments that share the journal."""
        return self._folder

    def client(self, of: Partner, caller: str = "app", timeout: float = 5.0) -> Any:
        """A client of `of`, as one caller; timeout: real seconds it waits for a reply (payments only)."""
        path = of.socket(caller)
        if of is self.bank:
            return PaymentClient(path, timeout=timeout)
        return BrokerClient(path) if of is self.broker else QueueClient(path)

    def forget(self) -> None:
        """Books, messages and the journal are empty again."""
        self.bank.forget()
        self.broker.forget()
        self.queue.forget()
        self.journal.clear()

    def last_step(self) -> Step:
        return self.journal.steps[-1]

    def let_go(self) -> None:
        """What was held up arrives now, whether or not anybody still waits for it; returns when all of it has."""
        self.journal.let_go()
        self.journal.wait(lambda: all(s.finished() for s in self.journal.steps))

    def close(self) -> None:
        for one in (self.bank, self.broker, self.queue):
            one.close()
        shutil.rmtree(self._folder, ignore_errors=True)
