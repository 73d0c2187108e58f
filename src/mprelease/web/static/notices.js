// Notices that a release has ended: of the user's own releases by a browser notification, if
// permitted, and the page's title; of others of the app on this page by a toast.
import { notable } from "./releases.js";
import { t } from "./states.js";

const SECONDS = 8;
const MARKS = { succeeded: "✔", failed: "✘", canceled: "■", unknown: "?" };
const title = document.title;

/** Shows notices for changes; `me` is the user's name. */
export function showNotices(changed, me) {
  const app = document.querySelector("[data-region][data-app]")?.dataset.app;
  const { own, others } = notable(changed, me, app);
  own.forEach(notify);
  others.forEach(toast);
}

function sentence({ id, app, kind, version, state }) {
  const what = [t(kind), app, version, `#${id}`].filter(Boolean).join(" ");
  return `${what}: ${t(state)}`;
}

function notify(release) {
  if (!document.hidden && document.hasFocus()) return;
  document.title = `${MARKS[release.state]} ${title}`;
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  // The tag makes several tabs of one browser show one notification.
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

/** Shows the button that requests the permission for notifications, if it is undecided. */
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
