"""The paths that providers lead back to: registered with them, so that none may change."""


def callback_path(name: str) -> str:
    """Return the path of a provider's callback: one for each, so that none can pass for another."""
    return f"/federation/{name}/callback"


def signed_out_path(name: str) -> str:
    """Return where a provider leads back to after a sign-out."""
    return f"/federation/{name}/signed-out"
