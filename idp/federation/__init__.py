"""Signing in elsewhere: Google, GitHub, any OpenID provider.

This room speaks to other providers and says who they say somebody is. It knows neither our accounts nor
our own protocol: `idp.flow.federated` joins them. A provider is one file and one line in `registry`.
"""
