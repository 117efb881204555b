// The list of flags: keys to go through it, and a word when it has changed by itself.

import { offerShortcuts } from "./shortcuts.js";

function step(by) {
  const links = [...document.querySelectorAll("#queue td.go a")];
  if (links.length === 0) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[Math.min(Math.max(next, 0), links.length - 1)].focus();
}

offerShortcuts({ j: () => step(1), k: () => step(-1) });

const said = document.querySelector("[data-said-on-change]");
document.body.addEventListener("htmx:afterSwap", () => {
  said.textContent = "";
  window.setTimeout(() => { said.textContent = said.dataset.saidOnChange; }, 100);
});
