// On a phone one part of the page at a time, chosen at the bottom; on a wider screen all of them, one below the other.

const buttons = document.querySelectorAll("#parts button");

export function showPart(part) {
  for (const one of document.getElementById("board").children)
    one.classList.toggle("elsewhere", (one.dataset.part ?? part) !== part);
  for (const button of buttons) button.setAttribute("aria-current", String(button.value === part));
}

for (const button of buttons) {
  button.onclick = () => {
    showPart(button.value);
    scrollTo(0, 0);
  };
}
