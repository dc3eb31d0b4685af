# %% [markdown]
# # Start here
#
# **What is running on this machine, and how do I learn with it?**
#
# After this tour you can
#
# - say which servers run, whose they are, and what you may break,
# - ask your own database a question, and see how it found the answer,
# - read what a check says, take a hint, and begin an exercise anew,
# - find out what is wrong when something does not work.
#
# 15 minutes.
# Out of scope: anything about databases; that begins in `02-indexing`.
#
# A notebook is a list of cells: click into one and press Shift+Enter to run it.

# %% [markdown]
# ## What runs where

# %%
from grader import Lab, connect, explain

lab = Lab("00-start-here")

# %%
from grader.show.tour import houses, units_map

houses()

# %% [markdown]
# Everything runs on this computer and listens on unix sockets: nobody else reaches it.
# The two servers on the left are yours, and keep what you do to them, also after `grader down`.
# The two on the right are the judge's: every check gets a fresh copy of the shop there, and throws it away.
# So a wrong answer costs nothing, and what you try in your own database changes no verdict.

# %% [markdown]
# ## Your own database
#
# The shop has customers, products, orders with their lines, payments, accounts and stock.
# `%%sql` runs statements there; a result shows at most fifty rows.

# %%
# %%sql
# SELECT status, count(*) AS orders FROM orders GROUP BY status ORDER BY orders DESC;

# %% [markdown]
# From Python, `connect()` opens a psycopg connection to the same database.

# %%
with connect() as conn:
    (orders,) = conn.execute("SELECT count(*) FROM orders").fetchone()
print(f"{orders:,} orders")

# %% [markdown]
# `explain` runs a statement, rolls back what it wrote, and shows how the server went about it.
# Units about databases use it throughout; `02-indexing` teaches how to read it.

# %% tags=["nbval-ignore-output"]
explain("SELECT * FROM orders WHERE id = 4711")

# %% [markdown]
# ## How a check reads
#
# Here is an answer to the lab's first exercise, as one might write it in a hurry: how many orders has a customer placed?
# **Predict:** what will the check object to?

# %%
def count_orders(conn, customer_id):
    return conn.execute("SELECT count(*) FROM orders").fetchone()[0]

# %% tags=["nbval-ignore-output"]
lab.check("count_orders")

# %% [markdown]
# A card has one line for each *property*, a sentence that must hold.
#
# | outcome | means |
# |---|---|
# | PASS | the situation occurred, and the property held |
# | FAIL | it did not hold: what was expected, what happened, the likely misconception, where to read on |
# | UNKNOWN | the situation did not occur, so nothing can be said: no points, and no blame |
# | SKIP | it rests on a property that failed; cure that one first |
#
# The number at the end is the score, which is all that an instructor's grading reads.
# No check compares your text with anybody's, or looks at the clock: it runs your answer, and looks at what that did.

# %% [markdown]
# ## Hints, reset, solution
#
# There are three hints for each exercise: a question, the mechanism to look at, and the shape of a solution.

# %% tags=["nbval-ignore-output"]
lab.hint("count_orders")

# %% [markdown]
# `lab.reset("count_orders")` shows the untouched cell again, and keeps what you had in `work/.history`.
# `lab.solution("count_orders")` opens after a pass, or after five honest attempts.

# %% tags=["nbval-ignore-output"]
lab.solution("count_orders")

# %% [markdown]
# ## When something does not work
#
# In a terminal (File, New, Terminal):
#
# | command | does |
# |---|---|
# | `grader doctor` | says in plain words what is wrong and what to do |
# | `grader status` | says what runs where |
# | `grader up`, `grader down` | starts and stops the servers; your data stay |
# | `grader progress` | shows the map with what you have done |
# | `grader sync` | brings lessons and labs up to date where you have not edited them |
#
# A server that was killed is started again by the next check, and what was committed is there.

# %% [markdown]
# ## How the units connect

# %%
units_map()

# %% [markdown]
# An arrow means that a unit uses what the one before it explains.
# `lab.progress()` lists the units that are here, with what you have done.

# %% [markdown]
# ## Key points
#
# - Two servers are yours and keep your work; the judge's are fresh for every check.
# - `%%sql`, `connect()` and `explain()` talk to your shop of a million orders.
# - A card says what was expected, what happened and why one believes it; hints come in three steps.
# - `grader doctor` says what is wrong.
#
# Next: [the lab](../00-start-here/00-start-here.ipynb), two tiny exercises.
