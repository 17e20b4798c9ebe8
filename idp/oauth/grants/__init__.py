"""The grants: ways to get tokens. One file each, one line in `registry.py`."""
