// On every page: what was refused gets the focus, so that it is heard and seen first.
const first = document.querySelector("[data-focus-me]");
if (first) first.focus();
