"""A data directory made once by initdb and copied for every further cluster (0.1 s in place of 1.6 s)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from grader.services.errors import ServiceError, in_words
from grader.services.places import Places, builder_uid, require_room
from grader.services.process import as_user
from grader.services.programs import Programs
from grader.services.settings import FIRST_STATEMENTS

_EDITION = 2  # raise it when what a template holds changes
_ENVIRON = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def template(places: Places, found: Programs) -> Path:
    """The template's folder, made if missing. The caller holds the home's lock."""
    made_by = found.postgres.stat()
    target = places.state / f"template-{_EDITION}-{made_by.st_size:x}-{int(made_by.st_mtime):x}"
    for other in places.state.glob("template-*"):
        if other != target:  # left half-made by a killed process, or of an earlier release
            shutil.rmtree(other)
    if not target.exists():
        require_room(places.state)
        building = target.with_name(f"{target.name}.building")
        with in_words(building):
            _build(building, found, places.uid)
            building.rename(target)
    return target


def copy(source: Path, target: Path, configuration: str, *, durable: bool) -> None:
    """Copies a stopped cluster; `target` exists whole or not at all.

    configuration: lines added to postgresql.conf. durable: forced to disk before `target` exists.
    """
    partial = target.with_name(f"{target.name}.building")
    if partial.exists():
        shutil.rmtree(partial)
    with in_words(target):
        _run(["cp", "-a", str(source), str(partial)], None)
        with (partial / "postgresql.conf").open("a") as file:
            file.write(configuration)
        if durable:
            _force_to_disk(partial)
        partial.rename(target)


def _force_to_disk(data: Path) -> None:
    """What initdb does without --no-sync."""
    for folder, _, files in os.walk(data):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _build(building: Path, found: Programs, uid: int | None) -> None:
    builder = builder_uid() if uid is not None else None
    building.mkdir(mode=0o700)
    if builder is not None:
        os.chown(building, builder, builder)
    _run(
        [
            str(found.initdb),
            "-D",
            str(building),
            "-U",
            "postgres",
            "--no-sync",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
        ],
        builder,
    )
    for database in ("template1", "postgres"):
        single = [str(found.postgres), "--single", "-D", str(building), "-c", "fsync=off"]
        statements = FIRST_STATEMENTS if database == "template1" else "CREATE EXTENSION pg_stat_statements;\n"
        _run([*single, "-j", database], builder, statements.replace(";\n", ";\n\n"))
    if uid is not None:
        for folder, names, files in os.walk(building):
            for name in ("", *names, *files):
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)


def _run(command: list[str], uid: int | None, statements: str = "") -> None:
    done = subprocess.run(
        command,
        input=statements,
        capture_output=True,
        text=True,
        env=_ENVIRON,
        cwd="/",
        check=False,
        **as_user(uid),
    )
    said = done.stdout + done.stderr
    if done.returncode != 0 or "ERROR:" in said:
        if "No space left" in said:
            raise ServiceError("The disk is full; free some space and try again.")
        last = said.strip().splitlines()[-1:] or ["it said nothing"]
        raise ServiceError(f"{Path(command[0]).name} failed: {last[0]}; run `grader doctor` to see why.")
