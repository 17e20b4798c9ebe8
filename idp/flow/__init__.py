"""The one flow: what was asked, what is proven, what is still to do.

`transaction` keeps a sign-in under way, `situation` puts together what a decision depends on, `steps` is the table
of what may be asked of a user, and `dispatch` decides. Decisions are values; pages, endpoints, grants and the API
turn them into answers. A page that has added a proof sends the browser back to the dispatcher and to no other step.
"""
