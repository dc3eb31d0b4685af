"""What `grader.show` draws, looked at by a real browser: words fit their boxes, nothing is fetched, nothing scrolls."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import nbformat.v4 as nb
import pytest
from jupyter_page import run_cell
from playwright.sync_api import Browser, Page, expect, sync_playwright

from grader import show
from grader.verdict import Evidence, Finding, Outcome, Status, Verdict

pytestmark = pytest.mark.browser

CHECKOUT = Path(__file__).resolve().parents[2]
PLANS = CHECKOUT / "tests" / "unit" / "plans"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
)
SHOTS = os.environ.get("GRADER_SCREENSHOTS")  # a folder to look at what the browser showed

STATEMENT = (
    "UPDATE accounts SET balance = balance - 10 WHERE id IN (SELECT id FROM accounts WHERE owner = 'W')"
)
TIMELINE = {
    "lanes": ["T1", "T2"],
    "steps": [
        {"lane": "T1", "text": STATEMENT, "result": "1 row"},
        {"lane": "T2", "text": STATEMENT, "state": "waits", "waits_for": "T1"},
        {"lane": "T1", "text": "COMMIT"},
        {"lane": "T2", "text": "W" * 120, "state": "error", "result": "could not serialize access (40001)"},
    ],
    "broken_at": 3,
    "conclusion": "Total is 90, must be 100",
    "schedule": " ".join(["T1 T2"] * 60),
}
FIVE = {
    "lanes": ["caller", "app", "Postgres", "Redis", "provider"],
    "steps": [
        {"lane": "caller", "text": "POST /v1/payments", "result": "201"},
        {"lane": "app", "text": STATEMENT, "state": "crash"},
        {
            "lane": "Redis",
            "text": "SET idempotency:client:key pending NX EX 86400",
            "result": "OK",
            "state": "lost",
        },
    ],
}


def plan(name: str) -> object:
    return json.loads((PLANS / f"{name}.json").read_text())


def verdict() -> Verdict:
    evidence = (
        Evidence("timeline", "The schedule", TIMELINE),
        Evidence("plan", "The plan", plan("correlated_columns")),
        Evidence("table", "Rows", {"columns": ["a", "b"], "rows": [["x" * 300, i] for i in range(6)]}),
        Evidence("counts", "Counts", {"held": 14, "broke": 6}),
        Evidence("text", "Log", "a line that is long " * 30),
    )
    failed = Finding(
        "p", "Money is conserved.", Outcome.FAIL, 1, "100", "90", "A wrong idea.", evidence, "https://a.b"
    )
    return Verdict("04-transactions", "transfer", Status.JUDGED, 6, (failed,), coverage="20 of 20 schedules")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    yield page
    page.close()


def look(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png")


OVERFLOWING = """
() => [...document.querySelectorAll('svg g')].flatMap(g => {
    const box = g.querySelector('rect');
    if (!box) return [];
    const edge = box.getBBox();
    return [...g.querySelectorAll('text')]
        .filter(t => t.getBBox().x + t.getBBox().width > edge.x + edge.width + 1 && edge.width > 20)
        .map(t => t.textContent);
}).concat([...document.querySelectorAll('svg')].flatMap(s => [...s.querySelectorAll('text')]
    .filter(t => t.getBBox().x + t.getBBox().width > s.viewBox.baseVal.width
              || t.getBBox().y + t.getBBox().height > s.viewBox.baseVal.height)
    .map(t => t.textContent)))
"""


@pytest.mark.parametrize("data", [TIMELINE, FIVE], ids=["two", "five"])
def test_the_words_of_a_timeline_fit_their_boxes(page: Page, data: dict):
    page.set_content(show.timeline_svg(data))
    assert page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize("file", sorted(PLANS.glob("*.json")), ids=lambda f: f.stem)
def test_the_words_of_a_plan_fit_their_boxes(page: Page, file: Path):
    page.set_content(show.plan_svg(json.loads(file.read_text())))
    assert page.evaluate(OVERFLOWING) == []


SCROLLING = """
() => [...document.querySelectorAll('.card, .card *')].filter(e => {
    const style = getComputedStyle(e), can = v => v === 'auto' || v === 'scroll';
    return (can(style.overflowY) && e.scrollHeight > e.clientHeight + 1)
        || (can(style.overflowX) && e.scrollWidth > e.clientWidth + 1) || e.scrollWidth > 900;
}).map(e => e.tagName + ' ' + e.textContent.slice(0, 40))
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_card_fits_and_never_scrolls_within(page: Page, theme: str):
    ground, ink = ("#ffffff", "#212121") if theme == "light" else ("#111111", "#e0e0e0")
    card = show.card_html(verdict()).replace("<details", "<details open")
    page.set_content(
        f'<body style="background:{ground};color:{ink}"><div class="card" style="width:860px">{card}</div>'
    )
    assert page.evaluate(SCROLLING) == []
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    look(page, f"card-{theme}")


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A function of a notebook's name to its URL: one with a saved card nobody trusts, one with a plan to run."""
    root, own = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    saved = nb.new_output("display_data", {"text/html": show.card_html(verdict())})
    code = "import json\nfrom grader import show\nshow.plan_widget(json.load(open('plan.json')), 'SELECT 1')"
    (root / "plan.json").write_text(json.dumps(plan("correlated_columns")))
    for name, cell in {
        "card": nb.new_code_cell("1", outputs=[saved], execution_count=1),
        "plan": nb.new_code_cell(code),
    }.items():
        (root / f"{name}.ipynb").write_text(json.dumps(nb.new_notebook(cells=[cell], metadata=kernel)))
    token = secrets.token_hex()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--notebook-dir={root}"]
    command += [f"--IdentityProvider.token={token}", "--LabApp.news_url=None", "--ServerApp.port=0"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    folders = {f"JUPYTER_{kind.upper()}_DIR": str(own / kind) for kind in ("config", "data", "runtime")}
    folders |= {f"JUPYTERLAB_{kind.upper()}_DIR": str(own / kind) for kind in ("settings", "workspaces")}
    environ = os.environ | folders | {"HOME": str(own), "IPYTHONDIR": str(own), "PYTHONPATH": str(CHECKOUT)}
    server = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert server.stdout is not None
        address = next(
            (
                word.partition("/lab")[0]
                for line in server.stdout
                for word in line.split()
                if "://127.0.0.1" in word
            ),
            "",
        )
        assert address, "JupyterLab did not start"
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield f"{address}/lab/tree/{{}}.ipynb?token={token}&reset"
    finally:
        server.terminate()
        server.wait()


def test_a_card_nobody_trusts_yet_keeps_its_looks(page: Page, jupyterlab: str):
    page.goto(jupyterlab.format("card"))
    card = page.locator(
        ".jp-OutputArea-output .jp-RenderedHTMLCommon, .jp-RenderedHTMLCommon.jp-OutputArea-output"
    ).last
    expect(card).to_contain_text("✗ NOT YET: 0 of 6 points")
    expect(card.locator("img")).to_have_count(2)
    assert card.locator("img").first.evaluate("i => i.naturalWidth") == 860
    pill = card.get_by_text("✗ FAIL", exact=True)
    assert pill.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(179, 38, 30)"
    card.locator("summary").first.click()
    expect(card.locator("pre").first).to_contain_text("BROKEN HERE")
    look(page, "card-untrusted")


def test_the_plan_viewer_runs_in_jupyterlab_without_a_network(page: Page, jupyterlab: str):
    home = jupyterlab.partition("/lab")[0]
    strangers: list[str] = []
    page.on(
        "request", lambda r: None if r.url.startswith((home, "data:", "blob:")) else strangers.append(r.url)
    )
    page.goto(jupyterlab.format("plan"))
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first).to_be_attached()
    run_cell(page, page.locator(".jp-Notebook .jp-CodeCell").first)
    viewer = page.locator(".plan-viewer")  # inside a shadow root, which Playwright sees through
    expect(viewer).to_be_visible()
    expect(viewer.get_by_text("Seq Scan").first).to_be_visible()
    icons = viewer.locator("svg.svg-inline--fa")
    expect(icons.first).to_be_attached()
    assert icons.evaluate_all("all => Math.max(...all.map(i => i.getBoundingClientRect().width))") < 40
    look(page, "plan-viewer")
    assert strangers == []
