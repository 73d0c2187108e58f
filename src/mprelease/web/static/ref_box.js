// The field of a branch, tag or commit: a list of the repository's refs that opens below it, filters as
// one types, and is used with the arrow keys. Without this script it is a plain field.

const DELAY = 200; // ms after the last key, before the server searches

class RefBox {
  #box;
  #input;
  #list;
  #refs;
  #active = null;
  #isTyped = false;
  #timer = 0;

  constructor(box) {
    this.#box = box;
    this.#input = box.querySelector("input");
    this.#list = box.querySelector(".ref-list");
    this.#refs = box.querySelector("[role=listbox]");
    this.#input.removeAttribute("list");
    for (const [name, value] of Object.entries({
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": this.#refs.id,
      "aria-autocomplete": "list",
    })) {
      this.#input.setAttribute(name, value);
    }
    this.#input.addEventListener("input", () => this.#type());
    this.#input.addEventListener("click", () => this.#open());
    this.#input.addEventListener("keydown", (event) => this.#press(event));
    this.#input.addEventListener("blur", () => this.#close());
    this.#list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option && event.button === 0) this.#choose(option);
    });
    this.#load("");
  }

  async #load(text) {
    const address = `${this.#box.dataset.refBox}&q=${encodeURIComponent(text)}`;
    const answer = await fetch(address, { headers: { "hx-request": "true" } }).catch(() => null);
    if (text && text !== this.#input.value.trim()) return;
    if (answer?.ok) this.#refs.innerHTML = await answer.text();
    this.#list.querySelector(".ref-state[role=status]:has(.spinner-border)")?.remove();
    this.#filter();
  }

  get #shown() {
    return [...this.#refs.querySelectorAll("[role=option]:not([hidden])")];
  }

  #type() {
    this.#isTyped = true;
    this.#open();
    this.#filter();
    clearTimeout(this.#timer);
    // A list that is not whole is searched by the server.
    if (this.#refs.querySelector("[data-more]") || this.#box.dataset.searched) {
      this.#box.dataset.searched = "true";
      this.#timer = setTimeout(() => this.#load(this.#input.value.trim()), DELAY);
    }
  }

  #filter() {
    const text = this.#isTyped ? this.#input.value.trim().toLowerCase() : "";
    for (const option of this.#refs.querySelectorAll("[role=option]")) {
      option.hidden = !option.textContent.toLowerCase().includes(text);
    }
    for (const group of this.#refs.querySelectorAll("[role=group]")) {
      group.hidden = !group.querySelector("[role=option]:not([hidden])");
    }
    this.#activate(null);
  }

  #open() {
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#activate(null);
  }

  #activate(option) {
    this.#active?.setAttribute("aria-selected", "false");
    this.#active = option;
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) this.#input.setAttribute("aria-activedescendant", option.id);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  #choose(option) {
    this.#input.value = option.dataset.value;
    this.#isTyped = false;
    this.#filter();
    this.#close();
    this.#input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #press(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      this.#open();
      const shown = this.#shown;
      const at = shown.indexOf(this.#active);
      this.#activate(
        shown[at < 0 && step < 0 ? shown.length - 1 : (at + step + shown.length) % shown.length] ?? null,
      );
    } else if (event.key === "Enter" && this.#active) {
      event.preventDefault();
      this.#choose(this.#active);
    } else if (event.key === "Escape" && !this.#list.hidden) {
      event.preventDefault();
      this.#close();
    }
  }
}

for (const box of document.querySelectorAll("[data-ref-box]")) new RefBox(box);
