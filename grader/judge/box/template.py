"""The data directory every boxed Postgres starts from: roles, passwords and the shop's templates, made once.

A box lays a writable layer over it (or copies it), so that a fresh server with the whole shop in it costs no
more than starting the program.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from grader import services, shop
from grader.judge.box import wall
from grader.services.places import places
from grader.services.settings import THROWAWAY
from grader.shop import templates

EDITION = 4  # raise it when what the directory holds changes
KEPT = ("empty", "shop_small", "shop_medium")
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
    data: Path
    passwords: dict[str, str]  # role -> password, for "admin" and "judge"
    version: str
    traces: str  # what TRACES says of an untouched server


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
    return Template(folder / "data", made["passwords"], made["version"], made["traces"])


def _fingerprint() -> str:
    found = wall.server_programs().postgres.stat()
    shops = [templates._fingerprint(templates.template(name)) for name in KEPT]
    text = repr((EDITION, found.st_size, shops, wall.runs_as(), sorted(THROWAWAY.items())))
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
        traces = _harden(server, passwords)
        server.stop()
        shutil.copytree(server.data, folder / "data", symlinks=True)
    for leftover in ("postmaster.pid", "postmaster.opts"):
        (folder / "data" / leftover).unlink(missing_ok=True)
    (folder / "data" / "pg_hba.conf").write_text(_ACCESS)
    _give_to_box(folder / "data")
    made = json.dumps({"passwords": passwords, "version": server.version, "traces": traces})
    with open(os.open(folder / "made.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made)


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
            database = sql.Identifier(templates.template(name).database)
            admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(database))
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
