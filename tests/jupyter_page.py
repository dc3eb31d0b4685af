"""Runs cells in a JupyterLab page as a person would: who sees nothing happen presses the keys again."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

NOTICED = 5_000  # milliseconds; a cell that was asked to run shows a star at once


def run_cell(page: Page, cell: Locator) -> None:
    """Runs the cell and waits until its number has changed, that is, until it is done."""
    prompt = cell.locator(".jp-InputPrompt").first
    before = prompt.inner_text()
    for attempt in range(1, 7):
        cell.locator(".cm-content").first.click()
        page.keyboard.press("Control+Enter")
        try:
            expect(prompt).not_to_have_text(before, timeout=NOTICED)
            break
        except AssertionError:  # the page was not ready to be told
            if attempt == 6:
                raise
    expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
