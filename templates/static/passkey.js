// Passkeys: talks to the authenticator and puts its answer into the form. The server decides everything.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const descriptors = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));

const forCreating = (options) => ({
  ...options,
  challenge: bytes(options.challenge),
  user: { ...options.user, id: bytes(options.user.id) },
  excludeCredentials: descriptors(options.excludeCredentials),
  extensions: { credProps: true },
});

const forGetting = (options) => ({
  ...options,
  challenge: bytes(options.challenge),
  allowCredentials: descriptors(options.allowCredentials),
});

const asJson = (credential) => {
  const response = { clientDataJSON: text(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  if (credential.response.getTransports) response.transports = credential.response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  });
};

const send = (form, ceremony, credential) => {
  form.elements.ceremony.value = ceremony;
  form.elements.assertion.value = asJson(credential);
  // Not requestSubmit: the fields of the other way to sign in are empty and would be asked for.
  form.submit();
};

const tell = (form, shown) => {
  const note = form.querySelector("[data-passkey-note]");
  if (note) note.hidden = !shown;
};

// A form whose challenge came with the page: enrolment, and the second factor.
for (const form of document.querySelectorAll("form[data-passkey]")) {
  const creating = form.dataset.passkey === "create";
  const options = JSON.parse(form.dataset.options);
  const button = form.querySelector("[data-passkey-button]");
  const ask = async () => {
    tell(form, false);
    try {
      const credential = creating
        ? await navigator.credentials.create({ publicKey: forCreating(options) })
        : await navigator.credentials.get({ publicKey: forGetting(options) });
      send(form, form.dataset.ceremony, credential);
    } catch {
      tell(form, true); // cancelled, or nothing fits: the person may try again or go another way
    }
  };
  if (window.PublicKeyCredential && button) {
    button.hidden = false;
    button.addEventListener("click", ask);
  } else {
    tell(form, true);
  }
}

// The sign-in form: a button, and passkeys among the browser's suggestions for the e-mail field.
for (const form of document.querySelectorAll("form[data-passkey-url]")) {
  const button = form.querySelector("[data-passkey-button]");
  let waiting = null;

  const challenge = async () => {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, tx: form.elements.tx?.value ?? "" });
    const response = await fetch(form.dataset.passkeyUrl, { method: "POST", headers: { Accept: "application/json" }, body });
    if (!response.ok) throw new Error("no challenge");
    return response.json();
  };
  const signIn = async (mediation) => {
    waiting?.abort();
    waiting = new AbortController();
    const { signal } = waiting;
    const { ceremony, options } = await challenge();
    const credential = await navigator.credentials.get({ publicKey: forGetting(options), mediation, signal });
    form.elements.decision_passkey.disabled = false;
    send(form, ceremony, credential);
  };

  if (!window.PublicKeyCredential || !button) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    tell(form, false);
    try {
      await signIn("optional");
    } catch {
      tell(form, true);
    }
  });
  PublicKeyCredential.isConditionalMediationAvailable?.().then((available) => {
    if (available) signIn("conditional").catch(() => {});
  });
}
