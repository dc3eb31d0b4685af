"""The end of a run: collects what the calls returned and brings every connection back to its first state."""

from __future__ import annotations

from typing import Any

from grader.instruments.explore.independence import leaves_session_alone
from grader.instruments.explore.lane import Lane
from grader.instruments.explore.run import Ending, Run
from grader.instruments.explore.stage import Stage


def clear_up(stage: Stage, run: Run, lanes: list[Lane]) -> None:
    """Fills in replies, endings and left_open. Workers and connections that cannot be used again are replaced."""
    given_up = run.endings or ["returned"] * len(lanes)
    run.endings = []
    for lane, ending in zip(lanes, given_up, strict=True):
        reply = None
        if lane.call is not None and not lane.killed and lane.ended:
            reply = lane.call.result(timeout=1.0)
        run.replies.append(reply)
        run.endings.append(_ending(lane, reply, ending))
        lane.call = None
        _tidy(stage, run, lane, reply)
    stage.sweep()


def _tidy(stage: Stage, run: Run, lane: Lane, reply: Any) -> None:
    sessions = lane.sessions
    for session in sessions:
        if session.status != "I" or session.current is not None or session.held is not None:
            run.left_open.append(session.name)
    ours = run.statements
    mine = [s for s in ours if s.lane == lane.name]
    if (
        lane.killed
        or getattr(reply, "ended", None)
        or lane.name in stage.proxy.broken
        or any(s.name in run.left_open for s in sessions)
        or (any(s.state in ("cut", "lost") for s in mine) and not (lane.caller and lane.caller.reconnects))
        or any("pg_terminate_backend" in s.sql.lower() for s in ours)
    ):
        lane.retire()
    else:
        if not all(leaves_session_alone(s.sql) for s in mine):
            stage.has_functions = True  # may have made some
        if stage.has_functions:
            for session in sessions:
                session.refresh()


def _ending(lane: Lane, reply: Any, given_up: Ending) -> Ending:
    if given_up == "never finished" or not lane.ended:
        return "never finished"
    if lane.killed:
        return "died"
    if getattr(reply, "ended", ""):
        return "never finished" if reply.ended == "timeout" else "died"
    failed = getattr(reply, "error", None) is not None
    return "raised" if failed else "returned"
