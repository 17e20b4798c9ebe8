"""One small class per table, each on the session of one unit of work. None of them commits.

A change that must happen once is a single UPDATE … WHERE … RETURNING, so that the database, and not
a read that went before, decides who came first.
"""
