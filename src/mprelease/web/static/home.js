// The home page: finds apps while a text is typed, and remembers which projects are folded.

const FOLDED = "folded-projects";
const find = document.getElementById("find");

function matches(words, text) {
  return words.toLowerCase().includes(text);
}

function show() {
  const text = (find?.value ?? "").trim().toLowerCase();
  for (const project of document.querySelectorAll("#home .project")) {
    const isNamed = matches(project.dataset.fold, text);
    let count = 0;
    for (const row of project.querySelectorAll("tbody tr")) {
      row.hidden = !isNamed && !matches(row.textContent, text);
      if (!row.hidden) count += 1;
    }
    project.hidden = count === 0;
  }
  for (const row of document.querySelectorAll("#home > section .matrix tbody tr")) {
    row.hidden = !matches(row.textContent, text);
  }
}

function folded() {
  try {
    return new Set(JSON.parse(localStorage.getItem(FOLDED) ?? "[]"));
  } catch {
    return new Set();
  }
}

function fold(project) {
  const names = folded();
  if (project.open) names.delete(project.dataset.fold);
  else names.add(project.dataset.fold);
  localStorage.setItem(FOLDED, JSON.stringify([...names]));
}

for (const project of document.querySelectorAll("#home .project")) {
  if (folded().has(project.dataset.fold)) project.open = false;
}
document.addEventListener("toggle", ({ target }) => target.matches?.(".project") && fold(target), true);
document.addEventListener("mprelease:refreshed", show);
find?.addEventListener("input", show);
find?.form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  find?.focus();
});
