"""Colour arithmetic: from one configured brand colour to a palette that people can read.

No page, request or setting comes in here; a colour goes in as text and CSS comes out.
"""

import re
from typing import Final, TypeAlias

Rgb: TypeAlias = tuple[int, int, int]

BLACK: Final[Rgb] = (0, 0, 0)
WHITE: Final[Rgb] = (255, 255, 255)

# The backgrounds of templates/static/style.css (--page, --surface, --raised); a test keeps the two in step.
LIGHT_SURFACES: Final = ("#f3f4f7", "#ffffff", "#f6f7f9")
DARK_SURFACES: Final = ("#0c0f14", "#161b22", "#1e242d")

TEXT_CONTRAST: Final = 4.5  # WCAG 2.2 SC 1.4.3
EDGE_CONTRAST: Final = 3.0  # WCAG 2.2 SC 1.4.11
_STEPS: Final = 64
_HOVER: Final = 0.14

_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


def parse_color(color: str) -> Rgb:
    """Read `#rgb` or `#rrggbb`. Raise `ValueError` for anything else, so nothing else reaches the CSS."""
    if _HEX.fullmatch(color) is None:
        raise ValueError(f"{color!r} is not a colour: write it as #rrggbb, for example #2f5bea")
    digits = color[1:]
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def contrast(one: Rgb, other: Rgb) -> float:
    """Return the WCAG contrast ratio of two colours, 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(color: str) -> str:
    """Return the colour, black or white, of text on a brand colour. Raise `ValueError` if it is no hex
    colour."""
    return "#ffffff" if _text_on(parse_color(color)) == WHITE else "#000000"


def brand_css(color: str) -> str:
    """Return the stylesheet of custom properties for a brand colour. Raise `ValueError` if it is not a hex colour.

    `--brand` is the colour itself and `--on-brand` the text on it (4.5:1 at least, also on
    `--brand-hover`); `--brand-edge` is its outline (3:1) and `--brand-ink` the
    shade of it that is legible as text (4.5:1), both against every background of each colour scheme.
    """
    brand = parse_color(color)
    on_brand = _text_on(brand)
    hover = _mix(brand, BLACK if on_brand == WHITE else WHITE, _HOVER)
    shared = {"--brand": brand, "--on-brand": on_brand, "--brand-hover": hover}
    light = _scheme(brand, LIGHT_SURFACES, BLACK)
    dark = _scheme(brand, DARK_SURFACES, WHITE)
    return (
        f":root {{\n{_declarations(shared | light, '  ')}}}\n"
        f"@media (prefers-color-scheme: dark) {{\n  :root {{\n{_declarations(dark, '    ')}  }}\n}}\n"
    )


def _text_on(brand: Rgb) -> Rgb:
    # One of the two always reaches 4.58:1; white is preferred because it looks calmer on most brands.
    return WHITE if contrast(brand, WHITE) >= TEXT_CONTRAST else BLACK


def _scheme(brand: Rgb, surfaces: tuple[str, ...], pole: Rgb) -> dict[str, Rgb]:
    backgrounds = tuple(parse_color(surface) for surface in surfaces)
    return {
        "--brand-edge": _towards(pole, brand, backgrounds, EDGE_CONTRAST),
        "--brand-ink": _towards(pole, brand, backgrounds, TEXT_CONTRAST),
    }


def _towards(pole: Rgb, color: Rgb, backgrounds: tuple[Rgb, ...], ratio: float) -> Rgb:
    """Return the shade nearest to `color`, on its way to `pole`, with `ratio` against every background."""
    for step in range(_STEPS):
        shade = _mix(color, pole, step / _STEPS)
        if all(contrast(shade, background) >= ratio for background in backgrounds):
            return shade
    return pole


def _mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def _luminance(color: Rgb) -> float:
    red, green, blue = (_linear(channel / 255) for channel in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _declarations(properties: dict[str, Rgb], indent: str) -> str:
    return "".join(f"{indent}{name}: #{r:02x}{g:02x}{b:02x};\n" for name, (r, g, b) in properties.items())
