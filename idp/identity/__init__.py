"""People: their accounts, how they prove who they are, and their sessions at a browser.

Nothing here knows of OAuth, of clients' requests or of HTTP.
"""
