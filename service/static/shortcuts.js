// Single keys, for those who want them: each page says which, and a switch on it turns them off (WCAG 2.1.4).

const KEPT = "crosscheck-no-single-keys";

function typing(target) {
  return target.matches("input:not([type=radio], [type=checkbox]), textarea, select") || target.isContentEditable;
}

// `keys`: what each key does, by its name in lower case.
export function offerShortcuts(keys) {
  const note = document.querySelector("[data-shortcuts]");
  const on = note.querySelector("[data-shortcuts-switch]");
  note.hidden = false;
  on.checked = localStorage.getItem(KEPT) === null;
  on.addEventListener("change", () => {
    if (on.checked) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, "yes");
  });
  document.addEventListener("keydown", (event) => {
    const held = event.ctrlKey || event.metaKey || event.altKey;
    const does = keys[event.key.toLowerCase()];
    if (!on.checked || held || event.defaultPrevented || typing(event.target) || !does) return;
    event.preventDefault();
    does();
  });
}
