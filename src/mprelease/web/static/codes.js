// QR codes of a page: the countdown, the overlay that shows one large code, copying its image, and on
// a shared page the renewal of a code that has ended.
import { filled } from "./format.js";
import { percentLeft, timeLeft } from "./validity.js";

const RENEWAL_INTERVAL = 2000; // ms between two looks whether the new code is there
const RENEWAL_LOOKS = 300;
const text = document.getElementById("words").dataset;
const dialog = document.getElementById("code-dialog");

/** ms by which this machine's clock is ahead of the server's, when it has begun to answer. */
const lag = (() => {
  const [loading] = performance.getEntriesByType("navigation");
  return performance.timeOrigin + (loading?.responseStart ?? 0) - Number(text.now);
})();

function tick() {
  const now = Date.now() - lag;
  for (const shown of document.querySelectorAll("[data-expires]")) {
    const [made, expires] = [Number(shown.dataset.made), Number(shown.dataset.expires)];
    const left = expires - now;
    const words = left > 0 ? filled(text.codeLeft, { time: timeLeft(left, text.codeDays) }) : text.codeEnded;
    const place = shown.querySelector("[data-left]");
    if (place.textContent !== words) place.textContent = words;
    const code = shown.closest(".code-entry, .code-panel");
    code?.classList.toggle("code-ended", left <= 0);
    const ring = code?.querySelector(".ring-left");
    ring?.setAttribute("stroke-dasharray", `${percentLeft(made, expires, now)} 100`);
  }
}

/** Shows what needs a script, as far as this browser can do it. */
function prepare() {
  const canCopy = typeof ClipboardItem === "function" && navigator.clipboard?.write;
  for (const button of document.querySelectorAll("[data-copy-image]")) button.hidden = !canCopy;
  tick();
}

async function open(link) {
  const content = dialog.querySelector("[data-part=content]");
  content.innerHTML = '<div class="code-loading" role="status"><span class="spinner-border"></span></div>';
  if (!dialog.open) dialog.showModal();
  const answer = await fetch(link.href, { headers: { "hx-request": "true" }, redirect: "error" }).catch(
    () => null,
  );
  if (!answer?.ok) {
    location.href = link.href;
    return;
  }
  if (!dialog.open) return;
  content.innerHTML = await answer.text();
  prepare();
}

addEventListener("click", (event) => {
  const link = event.target.closest("a[data-code]");
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !dialog || !isPlain) return;
  event.preventDefault();
  open(link);
});

// A code that is not shown any more must not stay in the page.
dialog?.addEventListener("close", () => dialog.querySelector("[data-part=content]").replaceChildren());
dialog?.addEventListener("click", (event) => event.target === dialog && dialog.close());

addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy-image]");
  if (!button) return;
  const image = button.closest(".code-panel").querySelector("[data-code-image]");
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png(image) })]);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

/** Returns an image as PNG, the one format that every clipboard takes. */
function png(image) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

let looks = 0;

/** Asks for a new code once the shown one has ended, and shows it as soon as it is there. */
async function renew() {
  const form = document.querySelector(".code-ended [data-renews]");
  if (!form || document.hidden || looks++ > RENEWAL_LOOKS) return;
  if (!form.dataset.asked) {
    form.dataset.asked = "true";
    await fetch(form.action, { method: "POST", redirect: "manual" }).catch(() => null);
  }
  const answer = await fetch(location.href).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser()
    .parseFromString(await answer.text(), "text/html")
    .querySelector(".code-panel");
  if (fresh && !fresh.classList.contains("code-ended")) {
    document.querySelector(".code-panel").replaceWith(document.adoptNode(fresh));
    looks = 0;
    prepare();
  }
}

document.addEventListener("mprelease:refreshed", prepare);
setInterval(tick, 1000);
prepare();
if (document.querySelector("[data-renews]")) setInterval(renew, RENEWAL_INTERVAL);
