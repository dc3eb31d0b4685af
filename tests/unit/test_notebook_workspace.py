"""Pristine copies and updates that never touch a learner's edits."""

import argparse
import json

import pytest

from grader.notebook import commands, workspace
from grader.notebook.workspace import WorkspaceError


def notebook(*sources: str, outputs: bool = False) -> str:
    shown = [{"output_type": "stream", "name": "stdout", "text": "x"}] if outputs else []
    cells = [{"cell_type": "code", "source": s, "outputs": shown} for s in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADER_ROOT", str(tmp_path))
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "02-indexing.ipynb").write_text(notebook("lesson 1"))
    lab = tmp_path / "labs" / "02-indexing"
    lab.mkdir(parents=True)
    (lab / "02-indexing.ipynb").write_text(notebook("lab 1"))
    (lab / "picture.svg").write_text("<svg/>")
    return tmp_path


@pytest.mark.parametrize("name", ["02-indexing", "02", "indexing", "labs/02-indexing/"])
def test_start_copies_the_whole_folder(course, name):
    path = workspace.start(name.removeprefix("labs/"))
    assert path == course / "work" / "02-indexing" / "02-indexing.ipynb"
    assert path.read_text() == notebook("lab 1")
    assert (path.parent / "picture.svg").exists()


def test_start_never_overwrites(course):
    path = workspace.start("02")
    path.write_text(notebook("mine"))
    with pytest.raises(WorkspaceError, match="is there already and was left as it is"):
        workspace.start("02")
    assert path.read_text() == notebook("mine")


def test_an_unknown_lab_gets_a_suggestion(course):
    with pytest.raises(WorkspaceError, match="Did you mean '02-indexing'"):
        workspace.start("02-indxing")


@pytest.mark.parametrize("text", ['{"cells": [', "", "[]", '{"cells": 1}', '{"cells": [1]}', "\x00\xff"])
def test_a_damaged_release_is_told_in_a_sentence(course, text):
    (course / "labs" / "02-indexing" / "02-indexing.ipynb").write_text(text)
    with pytest.raises(WorkspaceError, match=r"02-indexing\.ipynb"):
        workspace.start("02")
    assert not (course / "work" / "02-indexing").exists()


def test_sync_updates_what_is_untouched_and_keeps_what_is_edited(course):
    lab = workspace.start("02")
    workspace.sync()
    (course / "notebooks" / "02-indexing.ipynb").write_text(notebook("lesson 2"))
    (course / "labs" / "02-indexing" / "02-indexing.ipynb").write_text(notebook("lab 2"))
    lab.write_text(notebook("mine"))
    done = {one.path: one.what for one in workspace.sync()}
    assert done["work/lessons/02-indexing.ipynb"] == "updated"
    assert done["work/02-indexing/02-indexing.ipynb"] == "kept"
    assert lab.read_text() == notebook("mine")


def test_running_a_notebook_does_not_count_as_editing_it(course):
    lab = workspace.start("02")
    lab.write_text(notebook("lab 1", outputs=True))
    (course / "labs" / "02-indexing" / "02-indexing.ipynb").write_text(notebook("lab 2"))
    assert {o.path: o.what for o in workspace.sync()}["work/02-indexing/02-indexing.ipynb"] == "updated"


def test_a_truncated_copy_is_told_and_left_as_it_is(course, capsys):
    lab = workspace.start("02")
    lab.write_text('{"cells": [')
    assert commands.run_sync(argparse.Namespace()) == 0
    assert "damaged  work/02-indexing/02-indexing.ipynb" in capsys.readouterr().out
    assert lab.read_text() == '{"cells": ['


def test_a_lost_manifest_makes_everything_the_learners(course):
    lab = workspace.start("02")
    (course / "work" / ".copies.json").write_text("{")
    (course / "labs" / "02-indexing" / "02-indexing.ipynb").write_text(notebook("lab 2"))
    workspace.sync()
    assert lab.read_text() == notebook("lab 1")


def test_the_commands_say_what_they_did(course, capsys):
    assert commands.run_start(argparse.Namespace(lab="02")) == 0
    assert "work/02-indexing/02-indexing.ipynb" in capsys.readouterr().out
    assert commands.run_start(argparse.Namespace(lab="02")) == 1
    assert "left as it is" in capsys.readouterr().err
    assert commands.run_sync(argparse.Namespace()) == 0
    assert "new      work/lessons/02-indexing.ipynb" in capsys.readouterr().out
    assert commands.run_sync(argparse.Namespace()) == 0
    assert "up to date" in capsys.readouterr().out
