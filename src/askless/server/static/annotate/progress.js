// What the page says of itself in passing: how far one is, whether answers are safe, what a key has done.

const find = (id) => document.getElementById(id);
const TOAST_MS = 8000;

export function showProgress(nAnswered, nWaiting, isOnline) {
  find("progress").textContent = `${nAnswered.toLocaleString()} answered`;
  const sync = find("sync");
  sync.dataset.state = isOnline ? (nWaiting ? "sending" : "saved") : "offline";
  const words = { sending: "Sending", saved: "Saved", offline: nWaiting ? `Offline: ${nWaiting} kept here` : "Offline" };
  sync.textContent = words[sync.dataset.state];
}

// For screen readers alone.
export function announce(text) {
  find("announcer").textContent = text;
}

export function say(text) {
  const toast = find("toast");
  toast.textContent = text;
  toast.hidden = false;
  setTimeout(() => (toast.hidden = true), TOAST_MS);
}
