"""How long callers that are silent are waited for, and when one is given up."""

from __future__ import annotations

import os
import threading
import time

from grader.instruments.explore.lane import Lane
from grader.instruments.explore.limits import Limits
from grader.instruments.explore.run import Run
from grader.instruments.explore.stage import Stage
from grader.instruments.explore.stillness import cpu_seconds, wants_to_run
from grader.instruments.explore.waits import Waits
from grader.instruments.pgwire import Session

GRACE = 0.002  # seconds a caller with several connections, or one that polls, is given to do more
LISTENING = 0.05  # the same for one that waits in a server for somebody to call
STALLED = 0.5  # seconds that a look may take longer than it is meant to
PATIENT_LOOKS = 100  # as often it is given more, while its process has not come to rest


class Patience:
    """lanes: of this run. asleep: callers the others went on without, until something happens."""

    def __init__(self, stage: Stage, run: Run, waits: Waits, limits: Limits) -> None:
        self.limits = limits
        self.lanes: list[Lane] = []
        self.asleep: set[Lane] = set()
        self._stage = stage
        self._run = run
        self._waits = waits
        self._quiet = time.monotonic()  # when something last happened
        self._busy_since: dict[Lane, float] = {}

    def renew(self) -> None:
        """Something happened just now."""
        self._quiet = time.monotonic()

    def pump(self, seconds: float) -> bool:
        """Handles what is ready, waiting at most `seconds`. True if anything was."""
        began = time.monotonic()
        moved = self._stage.proxy.pump(seconds)
        if time.monotonic() - began > seconds + STALLED:
            self.renew()  # it was we who stood still, so that nobody else moved says nothing
        for lane in self.lanes:
            if lane.silent_call:
                lane.look()
        if moved:
            self.renew()
            self.asleep.clear()
            self._busy_since.clear()
        return moved

    def restless(self) -> bool:
        """Whether a caller that uses several connections may still be about to use another one by itself.

        Steps of other instruments count where two are under way at once: most callers wait for one before the next.
        """
        for lane in self.lanes:
            sessions = lane.sessions
            lane.plural = (
                lane.plural
                or sum(s.backend is not None for s in sessions) > 1
                or sum(s.held is not None or s.current is not None for s in sessions) > 1
            )
        plural = [lane for lane in self.lanes if lane.plural and not lane.ended]
        if not plural:
            return False
        for _ in range(PATIENT_LOOKS):
            if self.pump(GRACE):
                return True
            if not any(wants_to_run(getattr(lane.worker, "pid", 0)) for lane in plural):
                return False
        return False

    def bear_with(self, thinking: list[Lane], running: list[Session], others: bool) -> bool:
        """A caller is silent. others: somebody else could move. True: the others may go on without it."""
        for lane in thinking:
            if self._computes(lane):
                self.renew()
                return False
        if wants_to_run(os.getpid(), besides=threading.get_native_id()):
            self.renew()  # the caller may be waiting for us: for a stand-in, or for its client's thread
            return False
        quiet = time.monotonic() - self._quiet
        waiting = bool(thinking) and all(lane.rests or lane.listens for lane in thinking)
        resting = waiting and all(lane.rests for lane in thinking)
        patience = GRACE if resting else LISTENING if waiting else self.limits.patience
        if others and quiet > patience and not running:
            self.asleep.update(thinking)
            self._run.timed = self._run.timed or not waiting
            return True
        if quiet > self.limits.thinking:
            for lane in thinking:
                self.give_up(lane)
        return False

    def next_look(self, thinking: list[Lane]) -> float:
        """Seconds until it is worth asking again what silent callers do."""
        soon = any(lane.silent_call or lane.rests for lane in thinking)
        return 0.001 if soon else 0.02

    def _computes(self, lane: Lane) -> bool:
        """Whether a silent caller is busy or waits for a processor; gives it up if it has been busy too long."""
        pid = getattr(lane.worker, "pid", 0)
        if not pid or not wants_to_run(pid):
            return False
        used = cpu_seconds(pid) or 0.0
        since = self._busy_since.setdefault(lane, used)
        if used - since > self.limits.computing:
            self.give_up(lane)
        return True

    def dead_end(self) -> None:
        """Everybody left waits for a session whose caller has ended or waits for itself: nobody can help.

        Unless the server ends the wait (lock_timeout), those who wait never finish.
        """
        if self.pump(self.limits.patience):
            return
        for lane in self.lanes:
            if not lane.ended and any(s in self._waits for s in lane.sessions):
                self.give_up(lane)

    def give_up_slow(self, running: list[Session]) -> None:
        """Gives up callers whose statement has been under way too long without waiting for anybody."""
        if time.monotonic() - self._quiet > self.limits.thinking:
            for lane in self.lanes:
                if any(s in running and s not in self._waits for s in lane.sessions):
                    self.give_up(lane)

    def give_up(self, lane: Lane) -> None:
        self._run.endings += [] if self._run.endings else ["returned"] * len(self.lanes)
        self._run.endings[lane.number - 1] = "never finished"
        self.renew()
        lane.kill()
