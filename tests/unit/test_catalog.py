"""Units are found by looking."""

from pathlib import Path

import pytest

from grader import catalog


@pytest.fixture
def course(tmp_path: Path) -> Path:
    for part, names in {
        "notebooks": ["00-start-here", "04-transactions"],
        "solutions": ["04-transactions", "09-odd"],
    }.items():
        (tmp_path / part).mkdir()
        for name in [*names, "notes", "1-bad", "05-Bad"]:
            (tmp_path / part / f"{name}.py").write_text(f"# %% [markdown]\n# # About {name}\n")
    return tmp_path


def test_units_are_those_with_a_source_in_order(course):
    assert [u.slug for u in catalog.units(course)] == ["00-start-here", "04-transactions", "09-odd"]
    assert [u.slug for u in catalog.labs(course)] == ["04-transactions", "09-odd"]


@pytest.mark.parametrize("name", ["04", "04-transactions", "transactions", "04-transactions/"])
def test_a_unit_goes_by_slug_number_or_name(course, name):
    assert catalog.unit(name, course).slug == "04-transactions"


def test_an_unknown_unit_is_told_what_there_is(course):
    with pytest.raises(catalog.CatalogError, match=r"'05'.*00-start-here, 04-transactions, 09-odd"):
        catalog.unit("05", course)


def test_the_identifier_is_the_name_in_python(course):
    assert catalog.unit("00", course).identifier == "start_here"


def test_the_title_is_the_first_heading(course):
    assert catalog.unit("04", course).title == "About 04-transactions"


def test_a_missing_check_module_says_where_to_write_it(course):
    with pytest.raises(catalog.CatalogError, match=r"grader/checks/odd/__init__\.py"):
        catalog.unit("09", course).checks()


def test_the_root_can_be_named(course, monkeypatch):
    monkeypatch.setenv("GRADER_ROOT", str(course))
    assert catalog.root() == course.resolve()


def test_a_root_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("GRADER_ROOT", "/no/such/course")
    with pytest.raises(catalog.CatalogError, match="GRADER_ROOT is /no/such/course"):
        catalog.root()


def test_the_root_is_this_checkout_wherever_one_stands(tmp_path, monkeypatch):
    monkeypatch.delenv("GRADER_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert (catalog.root() / "pyproject.toml").is_file()
