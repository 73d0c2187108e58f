import assert from "node:assert/strict";
import { test } from "node:test";
import { pieces, plain } from "../../src/mprelease/web/static/ansi.js";

const looks = (text) => pieces(text).map((piece) => [piece.text, ...piece.names]);

test("colours and switches become names of classes, until they are switched off", () => {
  assert.deepEqual(looks("plain \x1b[1;91mbright\x1b[22m red\x1b[0m none"), [
    ["plain "],
    ["bright", "bold", "c9"],
    [" red", "c9"],
    [" none"],
  ]);
  assert.deepEqual(looks("\x1b[7;43mback\x1b[27;49mnone"), [["back", "inverse", "b3"], ["none"]]);
});

test("colours without a class are told as CSS writes them", () => {
  const [orange, both] = pieces("\x1b[38;5;208ma\x1b[48;2;1;2;300mb");
  assert.deepEqual(orange, { text: "a", names: [], color: "rgb(255, 135, 0)", back: null });
  assert.equal(both.back, "rgb(1, 2, 44)");
  assert.equal(pieces("\x1b[38;5;9mc")[0].names[0], "c9");
  assert.equal(pieces("\x1b[38;5;255mgrey")[0].color, "rgb(238, 238, 238)");
});

test("what only a terminal understands is left out of the text", () => {
  const lines = {
    "\x1b[2K\x1b[1Gdrawn \x1b(Banew\x07": "drawn anew",
    "\x1b]0;a title\x07done": "done",
    "\x1b]8;;javascript:1\x07link\x1b]8;;\x07": "link",
    "\x1b7text\x1b8": "text",
    "tab\tstays\x00": "tab\tstays",
    "cut \x1b[": "cut ",
  };
  for (const [line, text] of Object.entries(lines)) assert.equal(plain(line), text);
});

test("the pieces of a line are its plain text, whatever it holds", () => {
  const parts = ["\x1b[31m", "\x1b[", "<b>", "中文", "\x1b]8;;x", "\x9b", "38;5;", "m", "\x1b[0m", "\x07"];
  let seed = 7;
  const chosen = () => parts[(seed = (seed * 1103515245 + 12345) % 2 ** 31) % parts.length];
  for (let round = 0; round < 2000; round++) {
    const line = Array.from({ length: 8 }, chosen).join("");
    const text = pieces(line)
      .map((piece) => piece.text)
      .join("");
    assert.equal(text, plain(line), JSON.stringify(line));
  }
});
