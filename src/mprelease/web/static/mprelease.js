"use strict";
// Small helps; every page works without them.

// What a browser may do once only: a second click finds the button busy.
addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method === "post" && button) setTimeout(() => (button.disabled = true));
});

// On a wide screen the sidebar stays as one left it; on a narrow one it opens for one choice.
addEventListener("change", ({ target }) => {
  if (target.id !== "menu" || matchMedia("(max-width: 820px)").matches) return;
  const side = document.documentElement.dataset;
  side.side = side.side === "folded" ? "open" : "folded";
  localStorage.setItem("side", side.side);
  target.checked = false;
});

// Copy what stands in data-copy.
addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// A suggestion fills its field for as long as nobody has typed something else there.
document.addEventListener("htmx:afterSettle", () => {
  for (const suggestion of document.querySelectorAll("[data-fills]")) {
    const field = document.getElementById(suggestion.dataset.fills);
    if (field.value !== (field.dataset.suggested ?? "")) continue;
    field.value = field.dataset.suggested = suggestion.value;
  }
});

// A refused part still shows why.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.status >= 400) detail.shouldSwap = true;
});
