"""QR codes for pages."""

import segno
from markupsafe import Markup

SCALE = 5
"""CSS pixels for each module."""


def qr_code(text: str) -> Markup:
    """Draw a QR code as inline SVG, black on white in every colour scheme: a template filter."""
    svg = segno.make(text, micro=False).svg_inline(scale=SCALE, dark="#000", light="#fff")
    return Markup(svg)  # noqa: S704  made of modules only; the text itself is not in it
