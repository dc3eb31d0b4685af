"""What people look at: verdict cards, timelines and query plans, each as a picture and in plain text."""

from __future__ import annotations

from grader.show.card import card_html, card_text
from grader.show.plan import plan_svg, plan_text
from grader.show.timeline import timeline_svg, timeline_text

__all__ = ["card_html", "card_text", "plan_svg", "plan_text", "timeline_svg", "timeline_text"]
