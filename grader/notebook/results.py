"""What a check's cell shows: one line on stdout, the card as HTML, and the score as its plain text."""

from __future__ import annotations

from html import escape

from grader.verdict import Verdict


class CheckResult:
    """The value of `lab.check(...)`.

    Its text/plain form is the score as a float and nothing else: that is what nbgrader reads as partial credit.
    In a browser the card is shown in its place, so nothing appears twice.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    @property
    def points(self) -> float:
        return self.verdict.points

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    @property
    def text(self) -> str:
        """The whole card in plain text."""
        from grader.show import card_text

        return card_text(self.verdict)

    def __float__(self) -> float:
        return self.points

    def __repr__(self) -> str:
        return repr(float(self.points))

    def _repr_html_(self) -> str:
        from grader.show import card_html

        return card_html(self.verdict)


class Note:
    """A short text with a heading, shown as such in a browser and printed as such elsewhere."""

    def __init__(self, title: str, text: str, code: str = "") -> None:
        self.title = title
        self.text = text
        self.code = code

    def __repr__(self) -> str:
        return "\n\n".join(part for part in (f"{self.title}: {self.text}", self.code) if part)

    def _repr_html_(self) -> str:
        code = (
            '<pre style="margin:8px 0 0;padding:8px 10px;background:rgba(128,128,128,.1);'
            f'white-space:pre-wrap">{escape(self.code)}</pre>'
            if self.code
            else ""
        )
        return (
            '<div style="border-left:4px solid #7a6fd0;padding:6px 12px;max-width:860px">'
            f"<b>{escape(self.title)}</b><div>{escape(self.text)}</div>{code}</div>"
        )
