"""What `idp dev` brings for newcomers: everything a first sign-in needs besides the provider itself.

Production never loads this room: nothing outside the `dev` command may import it, so whatever is
convenient here cannot weaken a real deployment.
"""
