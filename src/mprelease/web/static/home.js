// The home page: folded sections and the search. It works without this script.

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
  search?.focus();
});
if (search) {
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
