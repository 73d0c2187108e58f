"use strict";
// Runs before the first paint: applies the stored state of the sidebar, and the stored theme or the
// system's.
document.documentElement.dataset.side = localStorage.getItem("side") ?? "open";
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("theme") ?? (system.matches ? "dark" : "light");
  const show = () => document.documentElement.setAttribute("data-bs-theme", chosen());
  show();
  system.addEventListener("change", show);
  addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    localStorage.setItem("theme", chosen() === "dark" ? "light" : "dark");
    show();
  });
})();
