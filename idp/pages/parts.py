"""What every hosted page is made with."""

from dataclasses import dataclass

from idp.flow.visits import Visits
from idp.pages.admission import FormAdmission
from idp.pages.render import Renderer
from idp.web.edge import BrowserEdge


@dataclass(frozen=True, slots=True)
class PageParts:
    """The edge to the browser, the flow, the templates, and the limit on forms."""

    edge: BrowserEdge
    visits: Visits
    renderer: Renderer
    admission: FormAdmission

    def path(self, path: str, **query: str) -> str:
        """Return a path of ours as a browser asks for it."""
        return self.edge.links.path(path, **query)
