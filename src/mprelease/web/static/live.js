// Live updates of releases on a page: dots, badges, counts and stages at once, from messages of the
// socket; parts with `data-region` are fetched again when a release begins, is checked out or ends,
// after a random delay in each browser.
import { Idiomorph } from "./vendor/idiomorph.js";
import { showAges } from "./ages.js";
import { duration } from "./format.js";
import "./codes.js";
import { showNotices } from "./notices.js";
import { partsDone, progress } from "./progress.js";
import { isFinal, isWorthFetching, shownStages } from "./releases.js";
import { t, states } from "./states.js";

const FETCH_INTERVAL = 1000; // ms, the least between two fetches of the same page
const PAUSE_WITHOUT_SOCKET = 5000; // ms
const me = document.getElementById("words").dataset.me;

/** Shows the state of a release at all places of the page. */
function show(release) {
  for (const badge of document.querySelectorAll(`[data-state-of="${release.id}"]`)) {
    badge.className = `badge state-${release.state}`;
    badge.textContent = t(release.state);
  }
  for (const dot of document.querySelectorAll(".dot[data-app]")) {
    if (dot.dataset.app !== release.app || Number(dot.dataset.newest) > release.id) continue;
    dot.className = `dot dot-${release.state}`;
    dot.title = t(release.state);
    dot.dataset.newest = release.id;
  }
  for (const list of document.querySelectorAll(`[data-stages="${release.id}"]`)) showStages(list, release);
}

function showStages(list, release) {
  for (const { name, state, since, time } of shownStages(release, t)) {
    const item = list.querySelector(`[data-stage="${name}"]`);
    if (!item) continue;
    item.className = state;
    item.querySelector("[data-stage-state]").textContent = t(`stage-${state}`);
    const shown = item.querySelector("[data-stage-time]");
    if (since) shown.dataset.since = since;
    else delete shown.dataset.since;
    if (time !== null) shown.textContent = time;
  }
}

function showProgress(release) {
  for (const shown of document.querySelectorAll(`[data-queue-of="${release.id}"]`)) {
    shown.hidden = release.state !== "queued";
  }
  for (const shown of document.querySelectorAll(`[data-progress="${release.id}"]`)) {
    shown.textContent = progress(release, states.now, t);
  }
  for (const rail of document.querySelectorAll(`[data-rail="${release.id}"]`)) {
    const parts = partsDone(release, states.now);
    for (const { name, state } of release.stages) {
      const segment = rail.querySelector(`[data-segment="${name}"]`);
      if (!segment) continue;
      segment.setAttribute("class", `segment-${state}`);
      const [track, done] = segment.children;
      done.setAttribute("width", Math.round(track.getAttribute("width") * parts[name]));
    }
  }
}

function showPositions() {
  for (const shown of document.querySelectorAll("[data-position-of]")) {
    const position = states.positions[shown.dataset.positionOf];
    if (position) shown.textContent = t("position", { position });
  }
}

function tick() {
  showAges(states.now);
  for (const release of states.known.values()) if (!isFinal(release)) showProgress(release);
  for (const time of document.querySelectorAll("[data-since]")) {
    time.textContent = duration(states.now - Number(time.dataset.since));
  }
}

/** Fetches the page again and replaces the parts that show releases. */
class Refresher {
  #timer = 0;
  #last = 0;

  /** Schedules a fetch within `spread` ms, unless one is scheduled. */
  soon(spread) {
    if (this.#timer) return;
    const wait = Math.max(0, this.#last + FETCH_INTERVAL - Date.now());
    this.#timer = setTimeout(() => this.#fetch(), wait + Math.random() * spread);
  }

  /** Fetches without delay, for what the user has just chosen. */
  now() {
    clearTimeout(this.#timer);
    this.#fetch();
  }

  async #fetch() {
    this.#last = Date.now();
    const address = location.href;
    const answer = await fetch(address, { redirect: "manual" }).catch(() => null);
    this.#timer = 0;
    // The page may show something else by now, whose answer comes later.
    if (!answer?.ok || address !== location.href) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const region of document.querySelectorAll("[data-region], [data-refresh]")) {
      const fresh = page.getElementById(region.id);
      if (fresh) Idiomorph.morph(region, fresh, options("grows" in region.dataset));
      htmx.process(region);
    }
    for (const release of states.known.values()) show(release);
    showPositions();
    document.dispatchEvent(new Event("mprelease:refreshed"));
    tick();
  }
}

/** Returns options of Idiomorph: keep what the user checked, opened or is typing, and rows of a list that grows. */
function options(grows) {
  return {
    ignoreActiveValue: true,
    callbacks: {
      beforeAttributeUpdated: (name) => !["checked", "open"].includes(name),
      beforeNodeRemoved: (node) => !(grows && node.id),
    },
  };
}

const refresher = new Refresher();
document.addEventListener("mprelease:outdated", () => refresher.now());

function needsFetch(change) {
  const isShown = document.querySelector(`[data-state-of="${change.now.id}"]`) !== null;
  return isWorthFetching(change, document.querySelector("[data-region]")?.dataset, isShown);
}

/** Returns whether the page shows other labels without a worker than these. */
function isOutdated(unserved) {
  return unserved && unserved.join(" ") !== document.getElementById("unserved").dataset.labels;
}

states.listen(({ changed, isMissing, unserved, whole, spread }) => {
  for (const { now } of changed) show(now);
  showPositions();
  document.getElementById("running").textContent = t("count", { count: states.running });
  const worth = changed.filter(needsFetch);
  // Changes of the user's own releases are fetched without delay.
  if (worth.some(({ now }) => now.requested_by === me)) refresher.soon(0);
  else if (worth.length || isMissing || isOutdated(unserved)) refresher.soon(spread);
  if (!whole) showNotices(changed, me);
  tick();
});

states.onRefused = () => setInterval(() => refresher.soon(0), PAUSE_WITHOUT_SOCKET);
setInterval(tick, 1000);
