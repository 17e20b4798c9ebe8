"""Administration: what an operator does to clients, people, providers and keys, one service for each.

Every change is in the audit trail, in the transaction of the change. The command line calls these services, and so
will an administration API and a console: they parse and present, and decide nothing. The services know no HTTP
and no terminal. They stand above `oauth`, `identity` and `federation`, since deleting a client or a person
concerns more than one of them, and beside `flow`, of which they need nothing.
"""
