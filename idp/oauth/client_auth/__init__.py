"""Ways in which a client proves its identity. One file each, one line in `registry.py`."""
