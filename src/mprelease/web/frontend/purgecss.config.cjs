// What PurgeCSS keeps of Tabler's style sheet beside the classes and elements that it finds in the
// templates and scripts of the pages.
const { readFileSync } = require("node:fs");
const { join } = require("node:path");

const own = ["mprelease.css", "app.css", "home.css", "form.css"].map((name) => readFileSync(join(__dirname, "../static", name), "utf8")).join();

module.exports = {
  variables: true,
  keyframes: true,
  fontFace: true,
  safelist: {
    // Macros complete these names: tests/web/test_styles.py lists them.
    standard: [/^btn(-outline)?-(primary|secondary|danger|warning|success)$/],
    // The switch of light and dark; what the browser itself sets.
    greedy: [/data-bs-theme/],
    variables: [...new Set(own.match(/--tblr-[\w-]+/g))],
  },
};
