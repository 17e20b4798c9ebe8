"""The protocol core: OAuth 2.0 and OpenID Connect on Authlib, free of HTTP frameworks.

A request comes in as a `CoreRequest`, an answer goes out as a `CoreResponse`; Starlette stops at the
edge above. The core learns of people only through the `Subjects` protocol, which `idp.app` wires in:
it does not know what a password or a page is. To add a grant: one file in `grants/`, one line in
`grants/registry.py`, one test file. To add a way to authenticate clients: the same in `client_auth/`.
"""
