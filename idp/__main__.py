"""`python -m idp` is `idp`."""

from idp.cli.main import main

if __name__ == "__main__":
    main()
