"""Second factors. One file each, one line in `registry.py`.

A factor knows how it is enrolled and how an answer is checked, once. It does not know when it is asked
for (`idp.flow.steps`), how often one may guess (`second_factor`), or how a page looks.
"""
