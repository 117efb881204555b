// Pictures that are looked at together: to zoom or move one zooms and moves all of its group.
//
// Works with the wheel, with one or two pointers, with buttons, and with keys on the picture that has the focus.

const MOST = 12;
const STEP = 1.3;
const FAR = 0.12; // of the side of a picture, moved by one arrow key

class Group {
  constructor(name, panes) {
    this.panes = panes;
    this.scale = 1;
    this.x = 0; // of the upper left corner, in sides of the pane
    this.y = 0;
    panes.forEach((pane) => this.follow(pane));
    document.querySelectorAll(`[data-tools="${name}"]`).forEach((tools) => this.offer(tools));
  }

  // Zooms by a factor, so that the point (x, y), in sides of the pane, stays where it is.
  zoom(factor, x = 0.5, y = 0.5) {
    const scale = Math.min(Math.max(this.scale * factor, 1), MOST);
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.show();
  }

  move(right, down) {
    this.x += right;
    this.y += down;
    this.show();
  }

  reset() {
    this.scale = 1;
    this.show();
  }

  show() {
    const most = 1 - this.scale; // no empty margin comes into view
    this.x = Math.min(0, Math.max(most, this.x));
    this.y = Math.min(0, Math.max(most, this.y));
    for (const pane of this.panes) {
      const inner = pane.firstElementChild;
      const { width, height } = pane.getBoundingClientRect();
      inner.style.transform = `translate(${this.x * width}px, ${this.y * height}px) scale(${this.scale})`;
      pane.classList.toggle("magnified", this.scale > 1);
    }
  }

  follow(pane) {
    pane.classList.add("zoomable");
    const pointers = new Map();
    const place = (event) => {
      const box = pane.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    };
    pane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && document.activeElement !== pane) return; // else the page could not be scrolled past it
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? STEP : 1 / STEP, ...place(event));
    }, { passive: false });
    pane.addEventListener("pointerdown", (event) => {
      pointers.set(event.pointerId, place(event));
      if (this.scale > 1) pane.setPointerCapture(event.pointerId);
      pane.classList.add("moving");
    });
    pane.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      this.drag(pointers, event.pointerId, place(event));
    });
    const end = (event) => {
      pointers.delete(event.pointerId);
      pane.classList.remove("moving");
    };
    pane.addEventListener("pointerup", end);
    pane.addEventListener("pointercancel", end);
    pane.addEventListener("dblclick", (event) => this.zoom(2, ...place(event)));
    pane.addEventListener("keydown", (event) => this.press(event));
  }

  drag(pointers, id, now) {
    const [x, y] = pointers.get(id);
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    pointers.set(id, now);
    if (!other) {
      if (this.scale > 1) this.move(now[0] - x, now[1] - y);
      return;
    }
    const apart = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
    const before = apart([x, y]);
    if (before > 0) this.zoom(apart(now) / before, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      "+": () => this.zoom(STEP),
      "=": () => this.zoom(STEP),
      "-": () => this.zoom(1 / STEP),
      "0": () => this.reset(),
      ArrowLeft: () => this.move(FAR, 0),
      ArrowRight: () => this.move(-FAR, 0),
      ArrowUp: () => this.move(0, FAR),
      ArrowDown: () => this.move(0, -FAR),
    };
    if (!(event.key in keys) || (event.key.startsWith("Arrow") && this.scale === 1)) return;
    event.preventDefault();
    keys[event.key]();
  }

  offer(tools) {
    const does = { in: () => this.zoom(STEP), out: () => this.zoom(1 / STEP), reset: () => this.reset() };
    tools.hidden = false;
    tools.querySelectorAll("[data-zoom]").forEach((button) => {
      button.addEventListener("click", does[button.dataset.zoom]);
    });
  }
}

export function followTogether() {
  const groups = new Map();
  for (const pane of document.querySelectorAll("[data-viewer]")) {
    const name = pane.dataset.viewer;
    groups.set(name, [...(groups.get(name) ?? []), pane]);
  }
  groups.forEach((panes, name) => new Group(name, panes));
}
