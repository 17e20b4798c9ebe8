// Passwords: a control that shows them, and the server's verdict while one is chosen. Pages work without it.
"use strict";

const PAUSE = 350;

for (const button of document.querySelectorAll(".reveal")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false)); // password managers look at the type
}

for (const box of document.querySelectorAll(".strength")) {
  const input = document.getElementById(box.dataset.for);
  const word = box.querySelector(".strength-word strong");
  const advice = box.querySelector(".strength-advice");
  let timer = 0;
  let asked = 0;

  const tell = (verdict) => {
    box.dataset.score = verdict.score;
    word.textContent = verdict.word;
    const lines = verdict.refused ? [verdict.refused, ...verdict.advice] : verdict.advice;
    advice.replaceChildren(...lines.map((text) => {
      const line = document.createElement("li");
      line.textContent = text;
      return line;
    }));
  };

  const ask = async () => {
    const number = ++asked;
    if (!input.value) {
      delete box.dataset.score;
      return;
    }
    const value = (name) => input.form.elements[name]?.value ?? "";
    const body = new URLSearchParams({
      csrf_token: box.dataset.token,
      password: input.value,
      email: value("email"),
      name: value("name"),
    });
    try {
      const response = await fetch(box.dataset.url, { method: "POST", headers: { Accept: "application/json" }, body });
      const verdict = response.ok ? await response.json() : null;
      if (verdict && number === asked) tell(verdict); // not one that a later question has overtaken
    } catch {
      // The form is judged by the server in any case.
    }
  };

  for (const button of document.querySelectorAll(".without-script")) button.hidden = true;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  });
}
