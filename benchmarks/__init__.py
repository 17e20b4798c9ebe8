"""How fast the provider is, as ratios to what this machine can do: `make bench`.

Everything is measured in one run against real servers: the provider as `idp serve` starts it, PostgreSQL
with its durable settings, `wrk` as the load generator. See docs/benchmarks.md.
"""
