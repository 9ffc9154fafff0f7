// What the page says when there is no question on it.

import { element } from "./element.js";

export const NOTICE_PLACE = document.getElementById("notice");

const NOTICES = {
  linkNeeded: [
    "You need your personal link",
    "Nobody signs up here. Whoever runs this campaign has a link for you; open it whole, with everything after the #.",
  ],
  linkEnded: ["This link has ended", "Ask whoever gave it to you for a new one. Answers that are still on this device are kept until then."],
  wrongRole: ["This link is for another page", "It lets you look on, not answer. Ask for a link of your own if you want to answer, too."],
  waiting: ["Nothing to answer just now", "Others hold the images that are left, or new ones are being chosen. This page looks again by itself."],
  audited: [
    "Nothing to answer just now",
    "The labels are being checked by an audit, and nothing is asked of you meanwhile. This page goes on by itself if there is more.",
  ],
  auditor: [
    "You are asked later",
    "You check labels, and are asked when an audit begins. Keep this link open: the page goes on by itself then.",
  ],
  paused: ["Paused", "Whoever runs this campaign has paused it. This page goes on by itself when they resume it."],
  finished: ["All done. Thank you!", "No image needs another answer."],
  unqualified: [
    "Thank you for taking part",
    "Your first answers differed too often from what is known of these images, so there are no more for you here.",
  ],
  banned: ["No more images for this link", "Whoever runs this campaign has closed it for answers. Ask them if you think that is wrong."],
  rest: ["Enjoy your break", "Your answers are safe. The images that you had ahead wait for you for some minutes, then go to others."],
  offline: ["No connection", "What you answered is kept on this device and is sent as soon as there is one."],
  elsewhere: ["You went on in another tab", "One tab at a time, so that you never see an image twice."],
};

export function showNotice(kind, nAnswered, ...extras) {
  const [title, text] = NOTICES[kind];
  const count = nAnswered ? element("p", { className: "count" }, `${nAnswered.toLocaleString()} ${nAnswered === 1 ? "answer" : "answers"} by you so far.`) : null;
  NOTICE_PLACE.dataset.kind = kind;
  NOTICE_PLACE.replaceChildren(element("h2", {}, title), element("p", {}, text), count ?? "", ...extras);
}
