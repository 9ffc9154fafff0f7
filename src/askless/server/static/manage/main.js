// The page keeps itself up to date: every two seconds, while somebody looks, it asks what is new.

import { Refused } from "../annotate/api.js";
import { annotatorsTable } from "./annotators.js";
import { showConfusion } from "./confusion.js";
import { repaintCurves, showCurves } from "./curves.js";
import { exportForm } from "./export.js";
import { imagesView } from "./images.js";
import { invitationsView, showLink } from "./invitations.js";
import { showPart } from "./parts.js";
import { connect } from "./server.js";
import { settingsForm } from "./settings.js";
import { showPulse, showSummary } from "./summary.js";

const POLL_MS = 2000;
const $ = (id) => document.getElementById(id);

function tellTrouble(sentence) {
  $("trouble").hidden = !sentence;
  $("trouble").textContent = sentence ?? "";
}

const announce = (sentence) => ($("announcer").textContent = sentence);

function start(server) {
  let summary = null;
  let curves = null;
  let show = null;
  let timer = 0;
  let isOver = false;
  let isPolling = false;

  // Orders something and looks at once what came of it; says why if it was refused.
  async function order(path, body) {
    try {
      const reply = await server.order(path, body);
      tellTrouble(null);
      await look({ isForced: true });
      return reply ?? true;
    } catch (error) {
      tellTrouble(`${error.message}`);
      return null;
    }
  }

  async function invite(wanted) {
    const given = await order("invitations", wanted);
    if (given) showLink(wanted.name, given, () => invite({ ...wanted, is_new: true }));
    return given;
  }

  function build(isAdmin) {
    const images = imagesView({ server, onPage: () => lookAtImages(true) });
    $("pause").onclick = () => order(summary.state === "paused" ? "resume" : "pause");
    return {
      images,
      annotators: annotatorsTable({ isAdmin, announce, onBan: (name, isBanned) => order(isBanned ? "unban" : "ban", { name }) }),
      settings: settingsForm({
        isAdmin,
        onChange: async (changes) => (await order("settings", changes)) && (announce("Saved"), true),
      }),
      invitations: invitationsView({
        isAdmin,
        onGo: () => showPart("orders"),
        onInvite: invite,
        onLink: (id, name) => server.link(id).then((made) => showLink(name, made), ({ message }) => tellTrouble(message)),
        onRevoke: (id) => order("revoke", { id }),
      }),
      labels: exportForm({
        onExport: (form) =>
          server.labels(form).catch((error) => {
            tellTrouble(error.message);
            return null;
          }),
      }),
    };
  }

  async function lookAtImages(isForced) {
    const path = show.images.path();
    if (isForced) server.forget(path);
    const items = await server.news(path);
    if (items && path === show.images.path()) show.images.show(items);
  }

  async function look({ isForced = false } = {}) {
    const news = await server.news("summary");
    if (news) {
      if (!show) {
        show = build(news.role === "admin");
        showPart("progress");
        $("board").hidden = false;
      }
      $("go-invite").classList.toggle("primary", !news.n_annotators);
      $("pause").hidden = news.role !== "admin" || news.state === "finished";
      $("pause").textContent = news.state === "paused" ? "Resume" : "Pause";
      showSummary(news);
      show.settings(news);
      show.labels(news);
    }
    const isNewEstimate = news && news.estimate !== summary?.estimate;
    summary = news ?? summary;
    showPulse(summary);
    if (!news && !isForced) return;
    const [people, invited, course] = await Promise.all([
      server.news("annotators"),
      server.news("invitations"),
      server.news("curves"),
    ]);
    if (people) show.annotators(people.annotators);
    if (invited) show.invitations(invited);
    if (course) showCurves((curves = course));
    if (isNewEstimate || isForced) {
      const confusion = await server.news("confusion");
      if (confusion) showConfusion(confusion);
      await lookAtImages(false);
    }
  }

  async function poll() {
    isPolling = true;
    try {
      await look();
      if ($("trouble").dataset.kind === "connection") tellTrouble(null);
      $("trouble").dataset.kind = "";
    } catch (error) {
      isOver = error instanceof Refused && [401, 403].includes(error.status);
      $("trouble").dataset.kind = "connection";
      tellTrouble(isOver ? error.message : "The server does not answer; what you see may be old. Trying again…");
    }
    isPolling = false;
    if (!document.hidden && !isOver) timer = setTimeout(poll, POLL_MS);
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden && !isOver && !isPolling) poll();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => repaintCurves(curves));
  poll();
}

addEventListener("hashchange", () => location.reload());
const token = decodeURIComponent(location.hash.slice(1));
if (token) start(connect(token));
else tellTrouble("This page opens by a personal link only; ask for one, or open yours again.");
