// Which page is shown: the part of the address after #.
import { post, unwatch } from "./api.mjs";
import { fill, h, toast } from "./dom.mjs";
import { explainPage } from "./explain.mjs";
import { fleetPage } from "./fleet.mjs";
import { healthPage } from "./health.mjs";
import { partnersPage } from "./partners.mjs";
import { reviewsPage } from "./reviews.mjs";
import { sessionsPage } from "./sessions.mjs";
import { stationPage } from "./station.mjs";

const main = document.querySelector("#main");
let leave;

const pages = { "/sessions": sessionsPage, "/reviews": reviewsPage, "/health": healthPage, "/partners": partnersPage };

let showing = Promise.resolve();

/** One after the other: a page that loads slowly must not write over the one that was asked for after it. */
function show() {
  showing = showing.then(showPage);
  return showing;
}

async function showPage() {
  leave?.();
  unwatch();
  const path = location.hash.replace(/^#/, "") || "/";
  const station = /^\/stations\/(.+)$/.exec(path)?.[1];
  const explained = /^\/sessions\/([^/]+)\/explain$/.exec(path)?.[1];
  const page = explained ? "explain" : station ? "station" : pages[path] ? path.slice(1) : "fleet";
  for (const link of document.querySelectorAll("[data-page]")) {
    const here =
      link.dataset.page === page ||
      (page === "station" && link.dataset.page === "fleet") ||
      (page === "explain" && link.dataset.page === "sessions");
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(main, h("p", { class: "note" }, "Loading …"));
  try {
    leave = await (page === "explain"
      ? explainPage(main, decodeURIComponent(explained))
      : page === "station"
        ? stationPage(main, decodeURIComponent(station))
        : (pages[path] ?? fleetPage)(main));
  } catch (error) {
    fill(
      main,
      h(
        "section",
        { class: "card" },
        h("h1", {}, "This page could not be loaded"),
        h("p", {}, error.message),
        h("button", { type: "button", onclick: show }, "Try again"),
      ),
    );
  }
}

addEventListener("hashchange", () => {
  // The skip link is no page.
  if (location.hash === "#main") return;
  void show().then(() => main.focus({ preventScroll: true }));
});
addEventListener("unhandledrejection", (event) => toast(event.reason?.message ?? "Something went wrong."));

document.querySelector("#sign-out").addEventListener("click", () => {
  void post("/sign-out").then(() => location.assign("/sign-in"));
});

void show();
