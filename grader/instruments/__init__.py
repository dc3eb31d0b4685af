"""What observes and perturbs a running system. Every module's docstring shows its use.

steps       the journal and its steps: the interface all instruments below share
resp        the Redis wire proxy                    pgwire, pgsteps   the Postgres wire proxy, and on the journal
explore     every schedule of concurrent calls      joining           Redis, HTTP and sleeps in those schedules
faults      one fault, or two, at every boundary    clock             one virtual clock for all
serve       the learner's app, run for real         callers           who calls it from outside
standin     HTTP services of the judge's own: provider (payments), broker (messages), mailbox (a queue), oidc (logins);
            webhooks
storm       retries simulated: herds and overload
plans, work what a query's plan says, and what it costs
"""
