// Pairs of minutiae: whichever end is pointed at, in a drawing or in the list, the whole pair is lit everywhere.

function light(figure, pair) {
  figure.querySelectorAll(".lit").forEach((part) => part.classList.remove("lit"));
  if (pair === null) return;
  figure.querySelectorAll(`[data-pair="${pair}"], [data-pair-link="${pair}"]`).forEach((part) => part.classList.add("lit"));
}

function follow(figure) {
  const links = [...figure.querySelectorAll("[data-pair-link]")];
  const said = figure.querySelector(".pair-said");
  let at = -1;
  const show = (index) => {
    at = (index + links.length) % links.length;
    light(figure, links[at].dataset.pairLink);
    said.textContent = links[at].textContent;
  };
  links.forEach((link, index) => {
    link.addEventListener("focus", () => show(index));
    link.addEventListener("pointerenter", () => show(index));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      show(index);
    });
  });
  figure.querySelectorAll("[data-pair]").forEach((group) => {
    group.addEventListener("pointerenter", () => light(figure, group.dataset.pair));
    group.addEventListener("pointerleave", () => light(figure, at < 0 ? null : links[at].dataset.pairLink));
    group.addEventListener("click", () => show(links.findIndex((link) => link.dataset.pairLink === group.dataset.pair)));
  });
  figure.querySelectorAll("[data-step]").forEach((button) => {
    button.addEventListener("click", () => show(at < 0 && button.dataset.step === "-1" ? -1 : at + Number(button.dataset.step)));
  });
  return (step) => show(at < 0 && step < 0 ? -1 : at + step);
}

// Returns a function that goes to the next pair (1) or the one before (-1) of the first finger.
export function followPairs() {
  const figures = [...document.querySelectorAll("[data-finger]")].filter((each) => each.querySelector("[data-pair-link]"));
  const steps = figures.map(follow);
  return steps[0] ?? (() => {});
}
