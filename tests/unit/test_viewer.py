"""The bundled plan viewer: whole, named with its licences, and with a still twin for where no widget runs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from grader import show
from grader.show.viewer import BUNDLE

PLAN = json.loads((Path(__file__).parent / "plans" / "sort_above_scan.json").read_text())


def test_the_bundle_is_the_one_that_was_built():
    named = (BUNDLE.parent / "plan_viewer.js.sha256").read_text().split()
    assert named == [hashlib.sha256(BUNDLE.read_bytes()).hexdigest(), "plan_viewer.js"]


def test_every_direct_dependency_of_the_bundle_is_in_the_notice():
    recipe = json.loads((BUNDLE.parent.parent / "pev2" / "package.json").read_text())
    notice = (BUNDLE.parent / "NOTICE").read_text()
    for name, version in recipe["dependencies"].items():
        assert f"\n{name} {version}\n" in notice


def test_without_a_widget_manager_the_plan_is_a_picture_or_text():
    data, _ = show.plan_widget(PLAN, "SELECT 1")._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["text/html"].startswith('<img src="data:image/svg+xml;base64,')
    assert "Seq Scan on orders" in data["text/html"]
    assert "MOST PAGES" in data["text/plain"]


def test_what_is_no_plan_is_refused_before_anything_is_shown():
    with pytest.raises(ValueError, match="This is not a plan"):
        show.plan_widget({"rows": 3})
