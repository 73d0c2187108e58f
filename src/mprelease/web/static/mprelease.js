"use strict";
// Small helps; every page works without them.

// What a browser may do once only: a second click finds the button busy.
addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method === "post" && button) setTimeout(() => (button.disabled = true));
});

// Ask before what cannot be undone.
addEventListener(
  "submit",
  (event) => {
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !confirm(question)) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  },
  true,
);

// Copy what stands in data-copy.
addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
});

// A log follows its end for as long as one looks at the end.
document.addEventListener("htmx:beforeSwap", ({ target }) => {
  const log = target.closest?.(".log");
  if (log) log.dataset.follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
});
document.addEventListener("htmx:afterSettle", () => {
  for (const log of document.querySelectorAll('.log[data-follows="true"]')) {
    log.scrollTop = log.scrollHeight;
  }
});

// A refused part still shows why.
document.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.xhr.status >= 400) detail.shouldSwap = true;
});
