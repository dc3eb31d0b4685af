"""A learner in a real browser: a wrong answer fails with its card, the right one passes, Validate agrees."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import course
import pytest
from jupyter_page import run_cell
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from grader import catalog

pytestmark = [pytest.mark.browser, pytest.mark.server]

CHECKOUT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = os.environ.get("GRADER_SCREENSHOTS")  # a folder to look at what the browser showed


@dataclass(frozen=True)
class Case:
    """One exercise of one lab with a wrong and a right answer; `other` is one that stays unanswered."""

    lab: str
    exercise: str
    wrong: str
    right: str
    other: str


def cases() -> list[Case]:
    tiny = Case(
        "90-tiny", "double", "def double(n):\n    return n * n", "def double(n):\n    return n + n", "pick"
    )
    found = [tiny]
    unit = catalog.Unit("02-indexing", CHECKOUT)
    if unit.lab.is_file():
        from grader.authoring import labs

        solutions = labs.answers(unit)
        other = next(e for e in solutions if e != "customer_orders")
        wrong = "%%sql customer_orders\nCREATE INDEX ON orders (customer_id)"  # finds, but does not order
        found.append(Case(unit.slug, "customer_orders", wrong, solutions["customer_orders"][0], other))
    return found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A function of a path in the workspace to its URL in a running JupyterLab."""
    root = tmp_path_factory.mktemp("course")
    own = tmp_path_factory.mktemp("jupyter")
    with course.opened(root):
        for lab in (CHECKOUT / "labs").glob("*/"):
            (root / "labs" / lab.name).symlink_to(lab)
            (root / "notebooks" / f"{lab.name}.py").symlink_to(CHECKOUT / "notebooks" / f"{lab.name}.py")
        from grader import opening

        workspace = root / "work"
        workspace.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        token = secrets.token_hex()
        command = [
            *opening.lab_command(workspace),
            "--no-browser",
            f"--port={port}",
            "--ServerApp.port_retries=0",
        ]
        command += [f"--IdentityProvider.token={token}"]
        server = subprocess.Popen(
            command,
            env=opening.lab_environment() | isolated(own),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if f"127.0.0.1:{port}" in line:
                    break
            else:
                raise AssertionError("JupyterLab did not start")
            threading.Thread(target=server.stdout.read, daemon=True).start()
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}"
        finally:
            server.terminate()
            server.wait()


def isolated(own: Path) -> dict[str, str]:
    """Jupyter's settings in a folder of our own; every cell is in the page, also those out of sight."""
    settings = own / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}))
    return {
        "HOME": str(own),
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(own / "config"),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_RUNTIME_DIR": str(own / "runtime"),
        "IPYTHONDIR": str(own / "ipython"),
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield page
    look(page, "last")
    page.close()


def cell_with(page: Page, text: str) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell", has=page.locator(".cm-content", has_text=text)).first


def code_cell_before(cell: Locator) -> Locator:
    """Found from the cell itself: editors fill late on a busy machine, so positions in the page may not be counted."""
    return cell.locator("xpath=preceding-sibling::*[contains(concat(' ', @class, ' '), ' jp-CodeCell ')][1]")


def answer(page: Page, cell: Locator, text: str) -> None:
    cell.locator(".cm-content").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    run_cell(page, cell)


def look(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.lab)
def test_wrong_then_right_then_validate(page: Page, address: str, case: Case):
    from grader.notebook import workspace

    workspace.start(case.lab)
    page.goto(address.format(f"{case.lab}/{case.lab}.ipynb"))
    expect(page.locator(".jp-Notebook .jp-CodeCell").first).to_be_visible()
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")  # a cell run earlier is forgotten
    check = cell_with(page, f'lab.check("{case.exercise}")')
    check.scroll_into_view_if_needed()  # waits until its editor holds its text
    answered = code_cell_before(check)
    run_cell(page, cell_with(page, f'Lab("{case.lab}")'))

    run_cell(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("NOT ANSWERED YET")

    answer(page, answered, case.wrong)
    run_cell(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("NOT YET")
    expect(check.locator(".jp-OutputArea")).to_contain_text("Expected")
    check.scroll_into_view_if_needed()
    look(page, f"{case.lab}-wrong")

    answer(page, answered, case.right)
    run_cell(page, check)
    expect(check.locator(".jp-OutputArea")).to_contain_text("PASSED")
    assert page.get_by_text("Jupyter news").count() == 0
    assert (
        check.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    )
    look(page, f"{case.lab}-right")

    page.get_by_role("button", name="Validate").first.click()
    dialog = page.locator(".jp-Dialog-content", has_text="check")
    expect(dialog).to_be_visible()
    look(page, f"{case.lab}-validate")
    assert f'lab.check("{case.other}")' in dialog.inner_text()
    assert f'lab.check("{case.exercise}")' not in dialog.inner_text()
    dialog.get_by_role("button").last.click()
