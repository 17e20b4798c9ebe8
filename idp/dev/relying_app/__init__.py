"""The demo relying app: an ordinary third-party web app that signs people in with the provider.

It imports nothing from the rest of `idp`. What it knows of the provider it learns over HTTP, so what
works here works for anybody's app, and a mistake in the provider cannot hide behind a shared function.
"""

from idp.dev.relying_app.app import create_relying_app

__all__ = ["create_relying_app"]
