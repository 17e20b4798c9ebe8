"""A page seen from every side: narrow and wide, light and dark, by eye and by axe."""

from pathlib import Path

from playwright.async_api import Page

WIDTHS = (320, 1280)
SCHEMES = ("light", "dark")

RUN_AXE = """async () => {
  const result = await axe.run({ resultTypes: ['violations'] })
  return result.violations.map((found) => `${found.id}: ${found.nodes.map((node) => node.html).join(' | ')}`)
}"""


async def faults_in_each_guise(page: Page, name: str, axe: str, gallery: Path | None) -> list[str]:
    """Look at the page from every side and return what is wrong with it; keep pictures where there is a gallery."""
    faults: list[str] = []
    await page.evaluate(axe)
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            guise = f"{name}-{width}-{scheme}"
            if gallery is not None:
                await page.screenshot(path=gallery / f"{guise}.png", full_page=True)
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{guise} scrolls sideways")
        faults.extend(f"{name} {scheme}: {fault}" for fault in await page.evaluate(RUN_AXE))
    return faults
