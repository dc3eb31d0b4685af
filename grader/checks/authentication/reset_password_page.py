"""The page behind a link, opened at an address that somebody else has made up."""

from __future__ import annotations

from html.parser import HTMLParser

from grader.instruments.callers import Exchange

# In place of a token: out of an attribute, with quotes of either kind or none, out of a script, and into the text.
MARKUP = "x></script><mallory> \"><mallory> '><mallory>"


class _Made(HTMLParser):
    """Whether what a browser makes of a page has an element, or an attribute, of Mallory's."""

    found = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= "mallory" in tag or any("mallory" in name for name, _ in attrs)


def takes_markup(page: Exchange) -> bool:
    """Whether MARKUP, in the page's address, became a part of the page."""
    if "html" not in page.headers.get("content-type", "text/html").lower():
        return False
    made = _Made()
    made.feed(page.body.decode(errors="replace"))
    made.close()
    return made.found
