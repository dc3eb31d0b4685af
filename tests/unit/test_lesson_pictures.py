"""Pictures of lessons: well-formed, the same bytes every time, and told in words as well."""

from __future__ import annotations

from xml.etree import ElementTree

from grader.instruments.pages import BtreePage, Entry, HeapPage, HeapTuple
from grader.show import plots
from grader.show.pages import descent_picture, heap_picture
from grader.show.tour import houses, units_map

PAGE = HeapPage(3, 8192, 32, 8000, (HeapTuple(1, 8096, 96, 24), HeapTuple(2, 8000, 96, 24)))
PATH = (
    BtreePage(9, 1, (Entry(None, 4, 0), Entry(100, 5, 0), Entry(200, 6, 0)), 1),
    BtreePage(5, 0, tuple(Entry(100 + n, 7, n) for n in range(100)), 42),
)


def test_a_page_is_drawn_with_its_row_written_out():
    picture = heap_picture(PAGE, "orders", 2, [("id", 2), ("note", None), ("city", "<Zürich>")])
    ElementTree.fromstring(picture.drawn)
    assert "note = NULL" in picture.drawn
    assert "&lt;Zürich&gt;" in picture.drawn
    assert repr(picture).startswith("Page 3 of orders")


def test_a_descent_shows_the_followed_entries_and_leaves_out_the_rest():
    picture = descent_picture(PATH, "orders_pkey", 142)
    ElementTree.fromstring(picture.drawn)
    assert ">142<" in picture.drawn
    assert ">160<" not in picture.drawn
    assert "page 7 of the table, line pointer 42" in repr(picture)


def test_the_tour_s_pictures_say_in_words_what_they_show():
    for picture in (houses(), units_map()):
        ElementTree.fromstring(picture.drawn)
        assert "alt=" in picture._repr_html_()
    assert "02 indexing, then 03 data access" in repr(units_map())


def test_a_plot_is_the_same_bytes_for_the_same_numbers():
    def drawn() -> str:
        figure, axes = plots.figure()
        axes.plot([1, 2], [3, 4], label="pages")
        axes.legend()
        return plots.plot(figure, "Two points.").drawn

    assert drawn() == drawn()
