"use strict";
// Small enhancements; all pages work without them.

// Disable the button of a submitted form, against a second click.
addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method === "post" && button) setTimeout(() => (button.disabled = true));
});

// On a wide screen the state of the sidebar is stored; on a narrow one it closes with the next page.
addEventListener("change", ({ target }) => {
  if (target.id !== "menu" || matchMedia("(max-width: 820px)").matches) return;
  const side = document.documentElement.dataset;
  side.side = side.side === "folded" ? "open" : "folded";
  localStorage.setItem("side", side.side);
  target.checked = false;
});

// Copy the text of data-copy.
addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// A suggestion fills its field, unless the user has typed something else.
function fill() {
  for (const suggestion of document.querySelectorAll("[data-fills]")) {
    const field = document.getElementById(suggestion.dataset.fills);
    if (field.value !== (field.dataset.suggested ?? "")) continue;
    field.value = field.dataset.suggested = suggestion.value;
  }
}
document.addEventListener("htmx:afterSettle", fill);

// The commits with a check mark are the suggested description.
addEventListener("change", ({ target }) => {
  if (!("change" in target.dataset)) return;
  const chosen = document.querySelectorAll("[data-change]:checked");
  document.getElementById("suggestion").value = [...chosen].map((one) => one.dataset.change).join("\n");
  fill();
});

// htmx also shows the body of an error response.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.status >= 400) detail.shouldSwap = true;
});

// Sections of the home page stay as they were left: the cookie says it to the server, which draws the
// rows of open sections only.
addEventListener(
  "toggle",
  ({ target }) => {
    const number = target.dataset?.section;
    if (!number) return;
    const known = /(?:^|; )folds=([^;]*)/.exec(document.cookie)?.[1] ?? "";
    const others = (known.match(/\d+[+-]/g) ?? []).filter((one) => one.slice(0, -1) !== number);
    const folds = [...others, number + (target.open ? "+" : "-")].slice(-200).join("");
    // biome-ignore lint/suspicious/noDocumentCookie: the server reads it
    document.cookie = `folds=${folds}; path=/; max-age=31536000; samesite=lax`;
    if (target.open && !target.querySelector("table"))
      document.dispatchEvent(new Event("mprelease:outdated"));
  },
  true,
);

// The search of the home page acts at once; `/` goes to it.
const search = document.querySelector("[data-search]");
addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  event.preventDefault();
  if (search) search.focus();
  else location.href = "/#search";
});
if (search) {
  if (location.hash === "#search") search.focus();
  let timer = 0;
  const find = () => {
    const text = search.value.trim();
    history.replaceState(null, "", text ? `/?q=${encodeURIComponent(text)}` : "/");
    document.dispatchEvent(new Event("mprelease:outdated"));
  };
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, 150);
  });
  search.form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    find();
  });
}
