import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import vm from "node:vm";

const SCRIPT = fs.readFileSync(
  new URL("../../src/mprelease/web/static/mprelease.js", import.meta.url),
  "utf8",
);

/** Runs the script of all pages on a page that has some fields and suggestions for them. */
function page(fields = {}, suggestions = []) {
  const listeners = {};
  const listen = (name, action) => (listeners[name] = [...(listeners[name] ?? []), action]);
  const document = {
    addEventListener: listen,
    querySelectorAll: (wanted) => (wanted === "[data-fills]" ? suggestions : []),
    getElementById: (name) => fields[name],
    documentElement: { dataset: { side: "open" } },
  };
  const localStorage = { setItem: (name, value) => (localStorage[name] = value) };
  const matchMedia = () => ({ matches: document.isNarrow ?? false });
  vm.runInNewContext(SCRIPT, { addEventListener: listen, document, localStorage, matchMedia, setTimeout });
  const fire = (name, event) => listeners[name].forEach((action) => action(event));
  return { document, fire, localStorage };
}

const field = (value) => ({ value, dataset: {} });
const suggestion = (value) => ({ value, dataset: { fills: "description" } });

test("a suggestion fills a field for as long as nobody has typed something else there", () => {
  const description = field("");
  const suggestions = [suggestion("fix the cart")];
  const { fire } = page({ description }, suggestions);
  fire("htmx:afterSettle");
  assert.equal(description.value, "fix the cart");
  suggestions[0] = suggestion("fix the list");
  fire("htmx:afterSettle");
  assert.equal(description.value, "fix the list");
  description.value = "my own words";
  suggestions[0] = suggestion("another");
  fire("htmx:afterSettle");
  assert.equal(description.value, "my own words");
});

test("what was typed before the first suggestion came stays", () => {
  const description = field("typed");
  page({ description }, [suggestion("fix the cart")]).fire("htmx:afterSettle");
  assert.equal(description.value, "typed");
});

test("a second click on what a form does once finds the button busy, and a search can be sent again", async () => {
  const { fire } = page();
  const [once, search] = [{}, {}];
  fire("submit", { target: { method: "post" }, submitter: once });
  fire("submit", { target: { method: "get" }, submitter: search });
  assert.equal(once.disabled, undefined, "the form still has to be sent with the button's value");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([once.disabled, search.disabled], [true, undefined]);
});

test("on a wide screen the sidebar stays as one left it", () => {
  const { document, fire, localStorage } = page();
  const target = { id: "menu", checked: true };
  fire("change", { target });
  assert.deepEqual(
    [document.documentElement.dataset.side, localStorage.side, target.checked],
    ["folded", "folded", false],
  );
  fire("change", { target: { id: "other" } });
  document.isNarrow = true;
  fire("change", { target });
  assert.equal(document.documentElement.dataset.side, "folded");
});

test("a refused part of a page still shows why", () => {
  const { fire } = page();
  const refused = { xhr: { status: 409 } };
  const accepted = { xhr: { status: 200 } };
  fire("htmx:beforeOnLoad", { detail: refused });
  fire("htmx:beforeOnLoad", { detail: accepted });
  assert.deepEqual([refused.shouldSwap, accepted.shouldSwap], [true, undefined]);
});
