"""What protocol endpoints and hosted pages share of HTTP: the browser's cookies, and the forms it posts.

Nothing here decides anything about a sign-in and nothing renders a page: endpoints and pages both stand above
this room and do not know each other.
"""
