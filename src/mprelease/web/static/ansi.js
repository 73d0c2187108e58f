// Converts terminal output to text nodes: colours become spans, all other control sequences are
// removed. Nothing is parsed as HTML.

// CSI (including colours), OSC (titles, links), all other escape sequences, and control characters.
const SEQUENCE =
  /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?|[\0-\x08\x0b-\x1f\x7f-\x9f]/g;

const SWITCHES = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  39: { color: null },
  49: { back: null },
};

/** Returns a line without control sequences. */
export function plain(text) {
  return text.replace(SEQUENCE, "");
}

/** Returns a line as text nodes and coloured spans; its textContent is `plain(text)`. */
export function painted(text) {
  const made = document.createDocumentFragment();
  for (const { text: words, names, color, back } of pieces(text)) {
    const span = document.createElement("span");
    if (color) span.style.color = color;
    if (back) span.style.backgroundColor = back;
    if (names.length) span.className = names.join(" ");
    span.textContent = words;
    made.append(span.attributes.length ? span : words);
  }
  return made;
}

/**
 * Returns a line as pieces of one style: { text, names, color, back }. `names` are classes of
 * mprelease.css; the two colours are those without a class.
 */
export function pieces(text) {
  const made = [];
  let look = {};
  let position = 0;
  const add = (end) => {
    if (end > position) made.push({ text: text.slice(position, end), ...shown(look) });
  };
  for (const found of text.matchAll(SEQUENCE)) {
    add(found.index);
    position = found.index + found[0].length;
    if (found[2] === "m") look = changed(look, found[1]);
  }
  add(text.length);
  return made;
}

function shown({ color, back, ...switches }) {
  const names = Object.keys(switches).filter((name) => switches[name]);
  if (typeof color === "number") names.push(`c${color}`);
  if (typeof back === "number") names.push(`b${back}`);
  const free = (value) => (typeof value === "string" ? value : null);
  return { names, color: free(color), back: free(back) };
}

function changed(look, codes) {
  const rest = codes.split(";").map(Number);
  let next = { ...look };
  while (rest.length) {
    const code = rest.shift();
    const kind = Math.floor(code / 10);
    const tone = code % 10;
    if (code === 0) next = {};
    else if (code in SWITCHES) Object.assign(next, SWITCHES[code]);
    else if (tone === 8 && kind === 3) next.color = chosen(rest);
    else if (tone === 8 && kind === 4) next.back = chosen(rest);
    else if (tone > 7) continue;
    else if (kind === 3) next.color = tone;
    else if (kind === 4) next.back = tone;
    else if (kind === 9) next.color = tone + 8;
    else if (kind === 10) next.back = tone + 8;
  }
  return next;
}

/** Removes and returns a colour from the codes after 38 or 48: `5;n` (palette), or `2;r;g;b`. */
function chosen(rest) {
  const form = rest.shift();
  if (form === 5) return ofPalette(rest.shift() & 255);
  if (form === 2) return rgb(...rest.splice(0, 3));
  return null;
}

/** Returns 0 to 15 unchanged, the colours of the 6×6×6 cube and the greys as CSS colours. */
function ofPalette(number) {
  if (number < 16) return number;
  const grey = 8 + 10 * (number - 232);
  if (number > 231) return rgb(grey, grey, grey);
  const level = (step) => (step ? 55 + 40 * step : 0);
  const place = number - 16;
  return rgb(level(Math.floor(place / 36)), level(Math.floor(place / 6) % 6), level(place % 6));
}

function rgb(red, green, blue) {
  return `rgb(${red & 255}, ${green & 255}, ${blue & 255})`;
}
