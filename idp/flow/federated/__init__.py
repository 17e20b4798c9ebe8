"""Signing in at a provider, from going there to the account here: joins `federation` to `identity`, which do
not know each other.

What is remembered on the way is in the ephemeral store, sealed: the state of a sign-in under way, bound to the
browser, the transaction and the provider (Keycloak CVE-2026-7507, Authlib CVE-2025-68158), and arrivals: users
who came back and are not signed in yet, kept by upstream subject (Keycloak CVE-2026-9087).
"""
