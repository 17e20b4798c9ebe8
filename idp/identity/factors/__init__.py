"""Second factors: one file each, one line in `registry.py`.

A factor knows how it is set up, how an answer is checked, and the sentences about it. It does not know when it
is asked for (`idp.flow.steps`) or how often a person may guess (`second_factor`).
"""
