// The timeline: who does what when, in step with the player; a bar jumps to its moment.

import { find, make } from "./dom.js";
import { MEASURED, sayFact, saySeconds, saySpan } from "./words.js";

const STEPS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60];
const MAX_TICKS = 7;

export class Timeline {
  /** @param {import("./player.js").Player} player */
  constructor(player) {
    this.player = player;
    this.root = find("timeline");
    this.list = find("throughout");
    /** @type {{button: HTMLElement, row: HTMLElement, start: number, stop: number}[]} */
    this.bars = [];
    /** @type {any} */
    this.slider = null;
    this.duration = 0;
    this.root.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#press(event));
    player.addEventListener("time", () => this.#follow());
  }

  clear() {
    this.bars = [];
    this.slider = null;
    this.duration = 0;
    this.root.hidden = this.list.hidden = true;
    this.root.replaceChildren();
    this.list.replaceChildren();
  }

  /**
   * Show an annotation: timed facts as bars, the others as a list.
   * @param {any} annotation
   */
  fill(annotation) {
    this.clear();
    this.duration = annotation.duration_seconds;
    if (this.duration) {
      const groups = annotation.subjects.map((/** @type {any} */ subject, /** @type {number} */ face) =>
        this.#makeGroup(subject, face),
      );
      this.playhead = make("div", { className: "playhead", aria: { hidden: true } });
      const heading = make("h3", {}, "Who does what when");
      this.root.append(
        make("div", { className: "timeline-head" }, heading, makeLegend(annotation.subjects)),
        make("div", { className: "timeline-rows" }, this.#makeAxis(), ...groups, this.playhead),
      );
      if (this.bars.length) this.bars[0].button.tabIndex = 0;
      this.root.hidden = false;
      this.#follow();
    }
    this.#fillList(annotation);
  }

  /**
   * Say whether a fact is a moment, rather than true as long as somebody is in view.
   * @param {import("./words.js").Fact} fact
   * @param {any} subject
   */
  #isTimed(fact, subject) {
    if (!this.duration || fact.start_seconds === null || fact.stop_seconds === null) return false;
    const slack = 2 * this.player.frameSeconds;
    return fact.start_seconds > subject.start_seconds + slack || fact.stop_seconds < subject.stop_seconds - slack;
  }

  #makeAxis() {
    this.slider = make("input", {
      type: "range", id: "seek", min: "0", max: String(this.duration), step: "0.01", value: "0",
      aria: { label: "Moment in the clip" },
    }); // prettier-ignore
    this.slider.addEventListener("input", () => this.player.seek(Number(this.slider.value)));
    const ticks = make("div", { className: "ticks", aria: { hidden: true } });
    const step = STEPS.find((seconds) => this.duration / seconds <= MAX_TICKS) ?? this.duration;
    for (let second = 0; second <= this.duration + 1e-6; second += step) {
      const tick = make("span", {}, `${Number(second.toFixed(2))} s`);
      tick.style.left = this.#place(second);
      ticks.append(tick);
    }
    return make("div", { className: "axis" }, make("span"), make("div", { className: "axis-track" }, this.slider, ticks));
  }

  /**
   * @param {any} subject
   * @param {number} face
   */
  #makeGroup(subject, face) {
    const group = make("div", { className: "face-rows", role: "group", data: { face: face % 8 } });
    group.setAttribute("aria-label", `${subject.id}, in view ${saySpan(subject)}`);
    const view = make("div", { className: "in-view", title: `in view ${saySpan(subject)}` });
    this.#stretch(view, subject.start_seconds, subject.stop_seconds);
    const head = make("span", { className: "row-label face-name" }, subject.id);
    group.append(make("div", { className: "row-line" }, head, make("div", { className: "track" }, view)));
    const timed = subject.facts.filter((/** @type {any} */ fact) => this.#isTimed(fact, subject));
    for (const [label, facts] of groupByLabel(timed)) {
      const track = make("div", { className: "track" });
      const row = make("div", { className: "row-line fact" }, make("span", { className: "row-label" }, label), track);
      track.addEventListener("click", (/** @type {MouseEvent} */ event) => this.#seekTo(event, track));
      for (const fact of facts) track.append(this.#makeBar(fact, label, subject.id, row));
      group.append(row);
    }
    return group;
  }

  /**
   * @param {import("./words.js").Fact} fact
   * @param {string} label
   * @param {string} subject
   * @param {HTMLElement} row
   */
  #makeBar(fact, label, subject, row) {
    const start = fact.start_seconds ?? 0;
    const stop = fact.stop_seconds ?? this.duration;
    const said = `${label}, ${subject}, ${saySpan(fact)}, ${MEASURED[fact.validated]}`;
    const button = make("button", {
      type: "button", className: "bar", title: said, tabIndex: -1,
      aria: { label: said }, data: { validated: fact.validated, start: String(start) },
    }); // prettier-ignore
    this.#stretch(button, start, stop);
    button.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      event.stopPropagation();
      this.#rest(button);
      this.player.jump(start);
    });
    this.bars.push({ button, row, start, stop });
    return button;
  }

  /**
   * Say what is true throughout, one line for everybody.
   * @param {any} annotation
   */
  #fillList(annotation) {
    const lines = [{ id: "", facts: annotation.facts }, ...annotation.subjects].map((subject, number) => {
      const facts = subject.facts.filter((/** @type {any} */ fact) => !this.#isTimed(fact, subject));
      if (!facts.length) return null;
      const name = subject.id ? make("span", { className: "face-name", data: { face: (number - 1) % 8 } }, subject.id) : "";
      const items = facts.map((/** @type {any} */ fact) => {
        const doubt = fact.validated === "real" ? "" : `, ${MEASURED[/** @type {"none"} */ (fact.validated)]}`;
        return make("span", {}, sayFact(fact), make("span", { className: "soft" }, doubt));
      });
      return make("li", {}, name, ...items);
    });
    this.list.hidden = lines.every((line) => line === null);
    const title = this.duration ? "Throughout" : "In this picture";
    this.list.append(make("h3", {}, title), make("ul", {}, ...lines));
  }

  #follow() {
    if (!this.duration || !this.slider) return;
    const time = this.player.time;
    this.slider.value = String(time);
    this.slider.setAttribute("aria-valuetext", `${saySeconds(time)} of ${saySeconds(this.duration)} seconds`);
    this.root.style.setProperty("--at", String(Math.min(1, time / this.duration)));
    /** @type {Set<HTMLElement>} */
    const rows = new Set();
    for (const { button, row, start, stop } of this.bars) {
      const isNow = start <= time && time < stop;
      button.classList.toggle("now", isNow);
      if (isNow) rows.add(row);
    }
    for (const { row } of this.bars) row.classList.toggle("now", rows.has(row));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const place = this.bars.findIndex(({ button }) => button === event.target);
    if (place < 0) return;
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    let next = place + (steps[/** @type {keyof typeof steps} */ (event.key)] ?? 0);
    if (event.key === "Home") next = 0;
    else if (event.key === "End") next = this.bars.length - 1;
    else if (!(event.key in steps)) return;
    event.preventDefault();
    const button = this.bars[Math.max(0, Math.min(next, this.bars.length - 1))].button;
    this.#rest(button);
    button.focus();
  }

  /**
   * Let one bar alone be reached with Tab; the arrow keys reach the others from there.
   * @param {HTMLElement} chosen
   */
  #rest(chosen) {
    for (const { button } of this.bars) button.tabIndex = button === chosen ? 0 : -1;
  }

  /**
   * @param {MouseEvent} event
   * @param {HTMLElement} track
   */
  #seekTo(event, track) {
    const { left, width } = track.getBoundingClientRect();
    this.player.seek(((event.clientX - left) / width) * this.duration);
  }

  /** @param {number} seconds */
  #place(seconds) {
    return `${(100 * seconds) / this.duration}%`;
  }

  /**
   * @param {HTMLElement} bar
   * @param {number} start
   * @param {number} stop
   */
  #stretch(bar, start, stop) {
    bar.style.left = this.#place(start);
    bar.style.width = this.#place(stop - start);
  }
}

/**
 * Group timed facts by what they say, in order of first happening.
 * @param {import("./words.js").Fact[]} facts
 * @returns {Map<string, import("./words.js").Fact[]>}
 */
function groupByLabel(facts) {
  /** @type {Map<string, import("./words.js").Fact[]>} */
  const rows = new Map();
  for (const fact of facts.toSorted((a, b) => (a.start_seconds ?? 0) - (b.start_seconds ?? 0))) {
    const label = sayFact(fact);
    rows.set(label, [...(rows.get(label) ?? []), fact]);
  }
  return rows;
}

/** @param {any[]} subjects */
function makeLegend(subjects) {
  const kinds = new Set(subjects.flatMap((subject) => subject.facts.map((/** @type {any} */ f) => f.validated)));
  if (!kinds.has("rendered") && !kinds.has("none")) return make("p", { className: "legend" });
  return make(
    "p",
    { className: "legend" },
    make("span", {}, make("i", { className: "swatch" }), "measured on real media"),
    make("span", {}, make("i", { className: "swatch striped" }), "not measured on real media"),
  );
}
