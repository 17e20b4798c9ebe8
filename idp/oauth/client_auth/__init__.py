"""Ways in which a client proves who it is. One file each, one line in `registry.py`."""
