// Where the picture in question is seen.

import { element } from "./element.js";
import { makeZoomable } from "./zoom.js";

export function makeStage(place, sharpen) {
  let shown = null;
  const zoom = makeZoomable(place, () => sharpen(shown));
  return {
    zoom: () => zoom.toggle(),
    show: (entry) => {
      shown = entry;
      place.replaceChildren(
        entry.picture ??
          element("p", { className: "remark" }, "This image cannot be shown. Call it broken, and go on."),
      );
      place.classList.toggle("tiny", Boolean(entry.picture) && Math.max(entry.picture.naturalWidth, entry.picture.naturalHeight) <= 64);
      zoom.reset();
    },
    wait: () => place.replaceChildren(element("p", { className: "remark waiting" }, "The next image is on its way …")),
    clear: () => place.replaceChildren(),
  };
}
