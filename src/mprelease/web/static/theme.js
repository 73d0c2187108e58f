"use strict";
// Runs before anything is drawn: is the sidebar folded, and is it light or dark here, as was chosen
// last time or as the system wishes.
document.documentElement.dataset.side = localStorage.getItem("side") ?? "open";
(() => {
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme") ?? (wish.matches ? "dark" : "light");
  const show = () => document.documentElement.setAttribute("data-bs-theme", chosen());
  show();
  wish.addEventListener("change", show);
  addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    localStorage.setItem("theme", chosen() === "dark" ? "light" : "dark");
    show();
  });
})();
