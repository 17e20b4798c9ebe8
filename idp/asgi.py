"""The application for an ASGI server of your own: `uvicorn idp.asgi:app`.

The settings are those of the environment, as for `idp serve`. That command also bounds connections, request heads and
slow readers (`IDP_SERVER__…`), which another server has to do by its own options, and checks the database first.
"""

from idp.app import create_app

app = create_app()
