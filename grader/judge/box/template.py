"""The data directory every boxed Postgres starts from: roles, passwords and the shop's templates, made once.

A box lays a writable layer over it (or copies it), so that a fresh server with the whole shop in it costs no
more than starting the program. Databases for the first checks are in it already: `CREATE DATABASE` would write 300
files for each, of which a check opens some forty.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from grader import services, shop
from grader.checks.exercise import InfrastructureFault
from grader.judge.box import disk, wall
from grader.services.places import places
from grader.services.process import as_user
from grader.services.settings import THROWAWAY
from grader.shop import templates
from grader.shop.databases import OWNER

EDITION = 5  # raise it when what the directory holds changes
KEPT = ("empty", "shop_small", "shop_medium")
# How many are ready of each: what the checks of one lab use. Further ones are made when they are asked for.
READY = {"empty": 8, "shop_small": 8, "shop_medium": 3}
# Opening a segment of the write-ahead log copies it whole into the writable layer.
_WAL_SEGMENT = 1  # MiB; 16 by default
# The learner's role may come and go; the others are the judge's and need the password.
_ACCESS = "local all learner trust\nlocal all all scram-sha-256\n"


# Everything a role that is no superuser could leave behind for the next answer on the same server, as one text.
# What is set for a check's own database ends with the check; no later one uses that database.
TRACES = """
SELECT pg_catalog.concat_ws('; ',
  (SELECT pg_catalog.string_agg(s.setdatabase || ':' || s.setconfig::text, ',' ORDER BY s.setdatabase)
     FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
     LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
    WHERE r.rolname = 'learner' AND coalesce(d.datname, '') NOT LIKE 'check\\_%'),
  (SELECT pg_catalog.string_agg(rolname || ':' || rolsuper::text, ',' ORDER BY rolname) FROM pg_catalog.pg_authid),
  (SELECT rolpassword IS NOT NULL FROM pg_catalog.pg_authid WHERE rolname = 'learner'),
  (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = 'learner'),
  (SELECT count(*) FROM pg_catalog.pg_prepared_xacts),
  (SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory'))
"""


@dataclass(frozen=True)
class Template:
    """folder/data is a stopped cluster; folder/ready holds the files of its databases named in `ready`."""

    folder: Path
    passwords: dict[str, str]  # role -> password, for "admin" and "judge"
    version: str
    traces: str  # what TRACES says of an untouched server
    ready: dict[str, list[str]]  # shop template -> databases made of it that nobody has used

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @functools.cached_property
    def size(self) -> int:
        """Bytes of disk a copy of `data` takes."""
        return disk.used(self.data)


def ensure_template(progress: Callable[[str], None] = lambda text: None) -> Template:
    """The template, made if missing (some seconds, once a version of shop and servers)."""
    here = places()
    folder = here.state / f"box-{_fingerprint()}"
    with open(here.home / "box.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made.json").exists():
            progress("Preparing the data the boxed servers start from (once)")
            _remove_others(here.state)
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder)
    made = json.loads((folder / "made.json").read_text())
    return Template(folder, **made)


def _fingerprint() -> str:
    found = wall.server_programs().postgres.stat()
    shops = [templates._fingerprint(templates.template(name)) for name in KEPT]
    text = repr(
        (EDITION, found.st_size, shops, wall.runs_as(), sorted(THROWAWAY.items()), READY, _WAL_SEGMENT)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _remove_others(state: Path) -> None:
    for folder in state.glob("box-*"):
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    # Beneath it lies a data directory only the box's user may read; the passwords are the judge's alone.
    folder.mkdir(mode=0o711)
    passwords = {role: secrets.token_urlsafe(24) for role in ("admin", "judge")}
    with services.throwaway_postgres() as server:
        for name in KEPT:
            shop.ensure_template(server, name)
        ready, folders = _make_ready(server)
        traces = _harden(server, passwords)
        server.stop()
        _shorten_log(server.data)
        shutil.copytree(server.data, folder / "data", symlinks=True)
    for leftover in ("postmaster.pid", "postmaster.opts"):
        (folder / "data" / leftover).unlink(missing_ok=True)
    (folder / "data" / "pg_hba.conf").write_text(_ACCESS)
    for name in folders:  # apart: a box that copies instead of laying over would copy them all for nothing
        (folder / "ready" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).rename(folder / "ready" / name)
    for part in ("data", "ready"):
        _give_to_box(folder / part)
    made = json.dumps({"passwords": passwords, "version": server.version, "traces": traces, "ready": ready})
    with open(os.open(folder / "made.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made)


def _make_ready(server: services.PostgresServer) -> tuple[dict[str, list[str]], list[str]]:
    """Databases for checks to come, by template, and their folders within the data directory.

    Until one is taken nobody can connect to it, and an answer cannot change that: it is not the learner's yet.
    """
    ready = {name: [f"check_ready_{name}_{n}" for n in range(READY[name])] for name in KEPT}
    with psycopg.connect(server.url(), autocommit=True) as admin:
        for template, names in ready.items():
            for name in names:
                shop.clone(server, template, name)
                _set(admin, name, "OWNER TO CURRENT_USER")
                _set(admin, name, "WITH ALLOW_CONNECTIONS false")
        found = admin.execute(
            "SELECT 'base/' || oid FROM pg_catalog.pg_database WHERE datname LIKE 'check\\_ready\\_%'"
        )
        return ready, [str(folder) for (folder,) in found]


def take_ready(admin: psycopg.Connection[Any], database: str) -> None:
    """Makes a ready database what a fresh clone is: the learner's own, and open."""
    _set(admin, database, "WITH ALLOW_CONNECTIONS true")
    _set(admin, database, f"OWNER TO {OWNER}")


def _set(admin: psycopg.Connection[Any], database: str, what: str) -> None:
    admin.execute(sql.SQL("ALTER DATABASE {} ").format(sql.Identifier(database)).as_string() + what)


def _shorten_log(data: Path) -> None:
    """Gives a stopped cluster small segments of write-ahead log."""
    program = wall.server_programs().postgres.with_name("pg_resetwal")
    command = [str(program), f"--wal-segsize={_WAL_SEGMENT}", "-D", str(data)]
    owner = data.stat().st_uid
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **as_user(owner if os.getuid() == 0 else None),
    )
    if done.returncode:
        raise InfrastructureFault(f"pg_resetwal failed: {done.stderr.strip()}")


def _harden(server: services.PostgresServer, passwords: dict[str, str]) -> str:
    """Roles and owners as no answer can bend them; returns what TRACES says then."""
    with psycopg.connect(server.url(), autocommit=True) as admin:
        # The password is 192 random bits: stretching it would only slow every login down.
        admin.execute("SET scram_iterations = 1")
        for role, password in passwords.items():
            user = server.users[role][0]
            text = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(password))
            admin.execute(text)
        # A learner owns the tables, so could hide rows from the judge by a policy.
        admin.execute("ALTER ROLE judge BYPASSRLS")
        admin.execute("ALTER ROLE judge SET lock_timeout = '5s'")
        for name in KEPT:  # the owner of a template could change what the next answer is judged on
            _set(admin, templates.template(name).database, "OWNER TO CURRENT_USER")
        row = admin.execute(TRACES).fetchone()
        assert row is not None
        return str(row[0])


def _give_to_box(data: Path) -> None:
    uid = wall.runs_as()
    for folder, names, files in os.walk(data):
        for name in ("", *names, *files):
            if os.getuid() == 0:
                os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)
    data.chmod(0o700)
