// Tells that a release has ended: one's own by the browser, if one wishes, and in the page's title;
// others' of the app that one looks at by a word in the corner.
import { notable } from "./releases.js";
import { t } from "./states.js";

const SECONDS = 8;
const MARKS = { succeeded: "✔", failed: "✘", canceled: "■", unknown: "?" };
const title = document.title;

/** Tells of what has changed; `me` is the name of whoever looks. */
export function showNotices(changed, me) {
  const app = document.querySelector("[data-region][data-app]")?.dataset.app;
  const { own, others } = notable(changed, me, app);
  own.forEach(tellOwn);
  others.forEach(toast);
}

function sentence({ id, app, kind, version, state }) {
  const what = [t(kind), app, version, `#${id}`].filter(Boolean).join(" ");
  return `${what}: ${t(state)}`;
}

function tellOwn(release) {
  if (!document.hidden && document.hasFocus()) return;
  document.title = `${MARKS[release.state]} ${title}`;
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  // Several tabs of one browser tell it once.
  const notice = new Notification(sentence(release), { tag: `mprelease-${release.id}` });
  notice.addEventListener("click", () => {
    focus();
    location.assign(`/releases/${release.id}`);
  });
}

function toast(release) {
  const note = document.createElement("a");
  note.className = `note state-${release.state}`;
  note.href = `/releases/${release.id}`;
  note.textContent = `${release.requested_by} · ${sentence(release)}`;
  document.getElementById("notes").append(note);
  setTimeout(() => note.remove(), SECONDS * 1000);
}

/** Offers to ask for the browser's permission, where it has not been decided yet. */
function offer() {
  const isOpen = "Notification" in window && Notification.permission === "default";
  for (const button of document.querySelectorAll("[data-ask-notice]")) button.hidden = !isOpen;
}

addEventListener("click", async ({ target }) => {
  if (!target.closest("[data-ask-notice]")) return;
  await Notification.requestPermission();
  offer();
});
addEventListener("focus", () => (document.title = title));
document.addEventListener("mprelease:refreshed", offer);
offer();
