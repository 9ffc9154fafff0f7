// Begins: the link says who is there, and the server what the campaign is about.

import { connect } from "./api.js";
import { showNotice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { openDatabase } from "./outbox_database.js";
import { Page } from "./page.js";
import { takeOver } from "./tabs.js";

const AGAIN_MS = 5000;

addEventListener("hashchange", () => location.reload());
start();

async function start() {
  const token = location.hash.slice(1);
  if (!token) showNotice("linkNeeded");
  else if (/^[\w.-]+$/.test(token)) await open(token);
  else showNotice("linkEnded");
}

async function open(token) {
  const api = connect(token);
  let session;
  try {
    session = await api.session();
  } catch (error) {
    showNotice({ 401: "linkEnded", 403: "wrongRole" }[error.status] ?? "offline");
    if (!error.status || error.status >= 500) setTimeout(start, AGAIN_MS);
    return;
  }
  const outbox = await Outbox.open(() => openDatabase(session.person), api.events);
  const page = new Page(api, session, outbox);
  takeOver(session.person, () => page.over("elsewhere"));
  page.begin();
}
