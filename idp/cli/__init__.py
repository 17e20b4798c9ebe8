"""The command line, the operator's way in: every failure is a sentence that says what to do.

Modules here import at their top only what `--help` needs; a command imports what it uses when it runs.
"""
