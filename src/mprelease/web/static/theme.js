"use strict";
// Light or dark: what was chosen here, else what the system wishes. Runs before anything is drawn.
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
