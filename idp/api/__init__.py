"""JSON API v1, for apps that draw their own screens: accounts, with an OpenAPI document.

It does what the hosted pages and the token endpoint do, through the same services; a rule that is only
here is a mistake. FastAPI stays in this room, and is loaded when the first request comes (`lazy`).
"""

PATH = "/api/v1"
"""Where it is mounted, below the issuer."""
