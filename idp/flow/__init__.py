"""The one flow: what was asked, what is proven, what is still to do.

`transaction` keeps a sign-in under way, `steps` is the ordered list of what may be asked of a person,
`dispatch` decides. All decisions are values; pages and endpoints turn them into responses. A page
never sends a person to another page: it marks its proof and returns to the dispatcher.
"""
