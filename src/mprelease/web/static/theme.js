"use strict";
// Runs before the first paint: applies the stored state of the sidebar, and the stored theme or the
// system's.
document.documentElement.dataset.side = localStorage.getItem("side") ?? "open";
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const CHOICES = ["system", "light", "dark"];
  const chosen = () =>
    CHOICES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system";
  const show = () => {
    const theme = chosen() === "system" ? (system.matches ? "dark" : "light") : chosen();
    document.documentElement.setAttribute("data-bs-theme", theme);
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.dataset.themeSwitch = chosen();
      button.title = button.ariaLabel = button.dataset[chosen()];
    }
  };
  show();
  system.addEventListener("change", show);
  addEventListener("DOMContentLoaded", show);
  addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    localStorage.setItem("theme", CHOICES[(CHOICES.indexOf(chosen()) + 1) % CHOICES.length]);
    show();
  });
})();
