"""Checks of lab 08: the door as an attacker meets it, and as those meet it who may come in.

One module an exercise; importing them here, in the lab's order, registers them.
"""

# isort: off
from grader.checks.authentication.unit import lab
from grader.checks.authentication import store_password
from grader.checks.authentication import login
from grader.checks.authentication import sessions
from grader.checks.authentication import verify_token
from grader.checks.authentication import refresh
from grader.checks.authentication import api_keys
from grader.checks.authentication import oauth_callback
from grader.checks.authentication import reset_password
from grader.checks.authentication import break_in
from grader.checks.authentication import close_the_hole

__all__ = [
    "api_keys",
    "break_in",
    "close_the_hole",
    "lab",
    "login",
    "oauth_callback",
    "refresh",
    "reset_password",
    "sessions",
    "store_password",
    "verify_token",
]
