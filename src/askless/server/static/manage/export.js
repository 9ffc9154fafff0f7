// Labels as a zip in any of the formats.

import { element } from "../annotate/element.js";

export function exportForm({ onExport }) {
  const form = document.getElementById("export");
  const formats = element("select", { id: "export-format" });
  const button = element("button", {}, "Download");
  form.replaceChildren(element("div", { className: "field" }, element("label", { htmlFor: "export-format" }, "Format"), formats), button);
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    button.textContent = "Preparing…";
    const blob = await onExport(formats.value);
    button.disabled = false;
    button.textContent = "Download";
    if (!blob) return;
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: `labels-${formats.value}.zip` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  };
  return ({ formats: known }) => {
    if (!formats.options.length) formats.append(...known.map((form) => element("option", { value: form }, form)));
  };
}
