"""Short folders for sockets, and child processes that can be killed like a learner's worker."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import Child, Crew


@pytest.fixture
def short() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bm-i-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def child() -> type[Child]:
    return Child


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()
