// Submits the authorization response of response_mode=form_post without waiting for a click.
"use strict";
const form = document.getElementById("form-post");
if (form instanceof HTMLFormElement) {
  // From the prototype: a field of the response named "submit" would shadow the method.
  HTMLFormElement.prototype.submit.call(form);
}
