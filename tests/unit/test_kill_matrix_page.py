"""The published kill matrix says what the variants say."""

from __future__ import annotations

import re

import pytest

from grader import catalog
from grader.authoring.published import page
from grader.authoring.variants import read_variants

UNITS = [unit for unit in catalog.units() if unit.has_lab]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.slug)
def test_every_variant_is_a_row_with_its_marks(unit: catalog.Unit):
    text = page(unit).decode()
    variants, problems = read_variants(unit)
    assert not problems
    for variant in variants:
        section = text.split(f"\n## {variant.exercise}\n")[1].split("\n## ")[0]
        names = re.findall(r"^\d+\. `(\w+)`", section, re.M)
        (row,) = re.findall(rf"^\| `{variant.name}`.*$", section, re.M)
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[2:-1]]
        assert len(cells) == len(names)
        assert {n for n, cell in zip(names, cells, strict=True) if cell == "✗"} == set(variant.properties)
        assert ("refused" in cells) == (variant.expects == "rejected")
