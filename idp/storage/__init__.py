"""Where state lives: the database, its models and repositories, and the ephemeral store.

Everything above reads and writes through a repository of a unit of work, or through the ephemeral
store. Nothing here knows a protocol rule: a repository answers questions and makes atomic changes;
what they mean is decided upstairs.
"""
