"""Every interleaving of an answer's own code, against the real server."""

from grader.instruments.explore.api import Exploration, crashes, explore, replay
from grader.instruments.explore.play import Limits
from grader.instruments.explore.rows import SavedRows
from grader.instruments.explore.run import Run, Wait
from grader.instruments.explore.schedule import Choice, parse, spell
from grader.instruments.explore.stage import Caller, Stage
from grader.instruments.explore.timeline import timeline

__all__ = [
    "Caller",
    "Choice",
    "Exploration",
    "Limits",
    "Run",
    "SavedRows",
    "Stage",
    "Wait",
    "crashes",
    "explore",
    "parse",
    "replay",
    "spell",
    "timeline",
]
