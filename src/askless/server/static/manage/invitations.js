// Personal links: made, shown once more as text and QR code, taken back.

import { element } from "../annotate/element.js";
import { count, day } from "./words.js";

const PER_PAGE = 20;
const until = (ends) => (ends === null ? "for ever" : `until ${day(ends)}`);

export function invitationsView({ isAdmin, onGo, onInvite, onLink, onRevoke }) {
  const root = document.getElementById("invitations");
  const form = document.getElementById("invite");
  if (isAdmin) makeForm(form, { onGo, onInvite });

  const list = element("ul", { className: "people" });
  const more = element("button", { type: "button", className: "quiet", hidden: true });
  root.replaceChildren(list, more);
  let n = PER_PAGE;

  return function show({ invitations }) {
    const now = Date.now() / 1000;
    const newest = [...invitations].reverse().slice(0, n);
    const lines = newest.map(({ id, name, role, ends, is_revoked: isRevoked }) => {
      const isOver = ends !== null && ends < now;
      const state = isRevoked ? "taken back" : isOver ? "ended" : until(ends);
      const isLive = !isRevoked && !isOver;
      const buttons = isAdmin && isLive ? [order("Link", name, () => onLink(id, name)), askTwice(order("Take back", name, () => onRevoke(id)), name)] : [];
      return element(
        "li",
        { className: isLive ? "" : "over" },
        element("span", { className: "who" }, element("b", {}, name), element("span", { className: "muted" }, ` ${role}, ${state}`)),
        element("span", { className: "buttons" }, ...buttons),
      );
    });
    if (!lines.length) lines.push(element("li", { className: "empty" }, "Nobody is invited yet."));
    list.replaceChildren(...lines);
    more.hidden = invitations.length <= n;
    more.textContent = `Show more (${count(invitations.length - n)} left)`;
    more.onclick = () => {
      n += 5 * PER_PAGE;
      show({ invitations });
    };
  };
}

function order(title, name, onClick) {
  const button = element("button", { type: "button", className: "small" }, title);
  button.setAttribute("aria-label", `${title}: ${name}`);
  button.onclick = onClick;
  return button;
}

// What cannot be undone takes a second click.
function askTwice(button, name) {
  const { onclick: order, textContent: title } = button;
  const say = (words, onclick) => {
    button.textContent = words;
    button.setAttribute("aria-label", `${words}: ${name}`);
    button.onclick = onclick;
  };
  const first = () => say("Really?", order);
  button.onblur = () => say(title, first);
  say(title, first);
  return button;
}

function makeForm(form, { onGo, onInvite }) {
  const name = element("input", { id: "invite-name", required: true, maxLength: 200, autocomplete: "off" });
  const role = element("select", { id: "invite-role" }, ...["annotator", "viewer", "admin"].map((one) => element("option", { value: one }, one)));
  const days = element("input", { id: "invite-days", type: "number", min: 1, max: 3650, value: 30, required: true });
  const field = (title, input) => element("div", { className: "field" }, element("label", { htmlFor: input.id }, title), input);
  form.replaceChildren(field("Name", name), field("Role", role), field("Days", days), element("button", { className: "primary" }, "Invite"));
  form.hidden = false;
  const go = document.getElementById("go-invite");
  go.hidden = false;
  go.onclick = () => {
    onGo();
    form.scrollIntoView({ block: "center" });
    name.focus();
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (await onInvite({ name: name.value.trim(), role: role.value, days: Number(days.value) })) name.value = "";
  };
}

// `onNew` makes another link for somebody who has had this one before.
export function showLink(name, { link, qr, ends, is_new: isNew = true }, onNew) {
  const dialog = document.getElementById("link");
  const text = element("input", { id: "link-text", value: link, readOnly: true });
  const copy = element("button", { type: "button", className: "primary" }, "Copy");
  const close = element("button", { type: "button" }, "Close");
  copy.onclick = async () => {
    text.select();
    try {
      await navigator.clipboard.writeText(link);
      copy.textContent = "Copied";
    } catch {
      copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
  };
  close.onclick = () => dialog.close();
  const another = element("button", { type: "button", onclick: onNew }, "Make another");
  const known = element("p", {}, `${name} has a link already, good ${until(ends)}: this one.`);
  dialog.replaceChildren(
    element("h2", { id: "link-title" }, `The link of ${name}`),
    ...(isNew ? [] : [known]),
    element("p", { className: "muted" }, "Whoever has it is this person here. Send it to them alone."),
    element("img", { className: "qr", src: qr, alt: `QR code of the link of ${name}` }),
    element("label", { htmlFor: "link-text" }, "Link"),
    text,
    element("div", { className: "buttons" }, copy, ...(isNew ? [] : [another]), close),
  );
  dialog.close(); // it may show the link that there was
  dialog.showModal();
}
