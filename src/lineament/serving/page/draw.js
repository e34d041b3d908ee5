// Drawing: faces from words, several at once, each with the seed that gives it again.

import { ApiError, askJson } from "./api.js";
import { find, make, showError } from "./dom.js";
import { sayCount } from "./words.js";

export class Easel {
  constructor() {
    this.form = find("draw-form");
    this.button = find("draw-send");
    this.result = find("drawn");
    this.guidance = find("guidance");
    this.form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#draw();
    });
    this.guidance.addEventListener("input", () => {
      find("guidance-value").textContent = Number(this.guidance.value).toFixed(2);
    });
  }

  /**
   * Show the form where there is a model that draws, and say so where there is none.
   * @param {string | undefined} model
   */
  start(model) {
    this.form.hidden = model === undefined;
    find("draw-none").hidden = model !== undefined;
  }

  async #draw() {
    const prompt = find("prompt").value.trim();
    if (!prompt) return find("prompt").focus();
    const count = Number(find("count").value);
    const body = { prompt, n: count, guidance: Number(this.guidance.value) };
    const seed = find("seed").value;
    this.button.disabled = true;
    this.#say(`Drawing ${sayCount(count, "face")}…`);
    showError(find("draw-error"), "");
    try {
      const drawn = await askJson("v1/images/generations", seed === "" ? body : { ...body, seed: Number(seed) });
      this.#show(drawn);
      this.#say(`${sayCount(drawn.data.length, "face")}.`);
    } catch (error) {
      this.#say("");
      const said = error instanceof ApiError ? error.message : "Nothing was drawn.";
      showError(find("draw-error"), said, () => this.#draw());
    } finally {
      this.button.disabled = false;
    }
  }

  /** @param {string} text */
  #say(text) {
    find("draw-status").textContent = text;
  }

  /** @param {any} drawn */
  #show(drawn) {
    const told = drawn.data[0].revised_prompt;
    const figures = drawn.data.map((/** @type {any} */ row, /** @type {number} */ number) => {
      const seed = drawn.lineament.seed + number;
      const url = `data:image/png;base64,${row.b64_json}`;
      const save = make("a", { href: url, download: `face-${seed}.png` }, "Save");
      save.setAttribute("aria-label", `Save the face of seed ${seed}`);
      const caption = make("figcaption", {}, `seed ${seed}`, save);
      return make("figure", {}, make("img", { src: url, alt: `Drawn face, seed ${seed}: ${told}` }), caption);
    });
    const notes = [`Understood as: ${told}`, ...drawn.lineament.notes];
    this.result.replaceChildren(
      make("div", { className: "faces" }, ...figures),
      ...notes.map((note) => make("p", { className: "small soft" }, note)),
      make("p", { className: "small soft" }, "Nobody has these faces. The files say that they were drawn."),
    );
    this.result.hidden = false;
  }
}
