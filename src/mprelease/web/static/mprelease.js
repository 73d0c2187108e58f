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
  if (target.dataset?.change === undefined) return;
  const chosen = document.querySelectorAll("[data-change]:checked");
  document.getElementById("suggestion").value = [...chosen].map((one) => one.dataset.change).join("\n");
  fill();
});

// htmx also shows the body of an error response.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.status >= 400) detail.shouldSwap = true;
});
