// Starts the viewer of the API's interactive pages. Nothing inline, so that the page needs no 'unsafe-inline'.
"use strict";
window.SwaggerUIBundle({
  url: document.currentScript.dataset.openapi,
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
