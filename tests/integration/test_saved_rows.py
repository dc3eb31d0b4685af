"""Rows are brought back with the rights of the tables' owner, whatever the owner hung on the tables."""

import psycopg
import pytest

from grader.instruments.explore import SavedRows

pytestmark = pytest.mark.server
SPY = """
CREATE TABLE seen (who text);
CREATE TABLE tills (id int PRIMARY KEY, balance int, owner text GENERATED ALWAYS AS ('x') STORED);
INSERT INTO tills VALUES (1, 10), (2, 20);
CREATE FUNCTION spy(int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    RESET SESSION AUTHORIZATION;
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  BEGIN
    RESET ROLE;
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  INSERT INTO public.seen VALUES (current_user);
  RETURN true;
END $$;
ALTER TABLE tills ADD CHECK (spy(balance));
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.seen VALUES (current_user);
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON tills DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION told();
CREATE TRIGGER at_once AFTER INSERT ON tills FOR EACH ROW EXECUTE FUNCTION told();
ALTER TABLE tills ENABLE ALWAYS TRIGGER at_once;
"""


def test_functions_of_the_owner_never_run_as_a_superuser(empty_database):
    with psycopg.connect(empty_database("learner"), autocommit=True) as owner:
        owner.execute(SPY)
        owner.execute("TRUNCATE seen")
        reset = SavedRows(empty_database("admin"), {"tills": "id < 3"})
        owner.execute("UPDATE tills SET balance = 0")
        owner.execute("TRUNCATE seen")
        reset()
        reset()
        reset.close()
        assert owner.execute("SELECT id, balance FROM tills ORDER BY id").fetchall() == [(1, 10), (2, 20)]
        assert owner.execute("SELECT DISTINCT who FROM seen").fetchall() == [("learner",)]
