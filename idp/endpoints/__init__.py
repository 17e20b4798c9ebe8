"""The protocol endpoints, one a file. Here HTTP becomes values and values become HTTP, and nothing more:
what is right is decided in `idp.oauth` and `idp.flow`."""
