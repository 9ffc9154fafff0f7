// A closer look at a picture: wheel, pinch, double click or key; dragged when enlarged.

const LARGEST = 12;
const STEP = 3;

export function makeZoomable(stage, onEnlarge) {
  let scale = 1;
  let x = 0;
  let y = 0;
  const pointers = new Map();

  const picture = () => stage.querySelector("img");

  function paint() {
    const box = stage.getBoundingClientRect();
    const reach = (size) => ((scale - 1) * size) / 2;
    x = Math.max(-reach(box.width), Math.min(reach(box.width), x));
    y = Math.max(-reach(box.height), Math.min(reach(box.height), y));
    if (picture()) picture().style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
    stage.classList.toggle("zoomed", scale > 1);
    if (picture() && scale > 1) onEnlarge();
  }

  // Enlarges so that what lies under a point of the window stays there.
  function zoomTo(target, clientX, clientY) {
    const box = stage.getBoundingClientRect();
    const next = Math.max(1, Math.min(LARGEST, target));
    const dx = clientX - box.left - box.width / 2;
    const dy = clientY - box.top - box.height / 2;
    x = dx - ((dx - x) * next) / scale;
    y = dy - ((dy - y) * next) / scale;
    scale = next;
    paint();
  }

  function toggle(clientX, clientY) {
    const box = stage.getBoundingClientRect();
    zoomTo(scale > 1 ? 1 : STEP, clientX ?? box.left + box.width / 2, clientY ?? box.top + box.height / 2);
  }

  stage.addEventListener(
    "wheel",
    (event) => {
      if (!picture()) return;
      event.preventDefault();
      zoomTo(scale * Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
    },
    { passive: false },
  );
  stage.addEventListener("dblclick", (event) => toggle(event.clientX, event.clientY));
  stage.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    if (pointers.size === 2) {
      const [other] = [...pointers.values()].filter((one) => one.pointerId !== event.pointerId);
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
      const middle = [(event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2];
      zoomTo((scale * apart(event)) / apart(before), ...middle);
    } else if (scale > 1) {
      x += event.clientX - before.clientX;
      y += event.clientY - before.clientY;
      paint();
    }
    pointers.set(event.pointerId, event);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    stage.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }

  return {
    toggle,
    reset: () => {
      scale = 1;
      x = y = 0;
      paint();
    },
  };
}
