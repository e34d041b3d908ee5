// The check: any text, its claims marked by verdict, each with the moment that decides it.

import { ApiError, askJson } from "./api.js";
import { find, make, makeIcon, showError } from "./dom.js";
import { VERDICTS, sayClaim, saySeconds, saySpan } from "./words.js";

const WORST_FIRST = ["contradicted", "unknown", "supported"];

export class Check {
  /** @param {(seconds: number) => void} jump */
  constructor(jump) {
    this.jump = jump;
    /** @type {import("./shared_file.js").SharedFile | null} */
    this.media = null;
    this.text = find("caption");
    this.button = find("check-send");
    this.result = find("check-result");
    find("check-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#check();
    });
    this.about(null);
  }

  /** @param {import("./shared_file.js").SharedFile | null} media */
  about(media) {
    this.media = media;
    this.button.disabled = media === null;
    find("check-lead").hidden = media !== null;
    this.result.hidden = true;
    showError(find("check-error"), "");
  }

  async #check() {
    const { media } = this;
    const text = this.text.value;
    if (!media || !text.trim()) return this.text.focus();
    this.button.disabled = true;
    this.result.setAttribute("aria-busy", "true");
    showError(find("check-error"), "");
    try {
      const checked = await media.with((id) => askJson("check", { text, media: id }));
      if (media === this.media) this.#show(text, checked);
    } catch (error) {
      const said = error instanceof ApiError ? error.message : "The text cannot be checked.";
      if (media === this.media) showError(find("check-error"), said, () => this.#check());
    } finally {
      this.button.disabled = this.media === null;
      this.result.removeAttribute("aria-busy");
    }
  }

  /**
   * @param {string} text
   * @param {any} checked
   */
  #show(text, checked) {
    this.result.hidden = false;
    if (!checked.claims.length) {
      const said = "No claim was found: nothing in this text says what a face looks like or does.";
      this.result.replaceChildren(make("p", { className: "soft" }, said));
      return;
    }
    const rows = checked.claims.map((/** @type {any} */ claim) => this.#makeRow(claim));
    const marked = make("p", { className: "marked" });
    for (const { words, claim } of splitByClaims(text, checked.claims)) {
      marked.append(claim === null ? words : this.#markClaim(words, checked.claims[claim], rows[claim]));
    }
    const counts = Object.keys(VERDICTS).map((verdict) =>
      make("li", { className: verdict }, makeIcon(verdict), `${checked[verdict]} ${verdict}`),
    );
    this.result.replaceChildren(
      make("ul", { className: "beside counts", aria: { label: "Verdicts" } }, ...counts),
      marked,
      make("ol", { className: "claims" }, ...rows),
    );
  }

  /**
   * Mark the words of a claim: colour, line and sign all say its verdict.
   * @param {string} words
   * @param {any} claim
   * @param {HTMLElement} row
   */
  #markClaim(words, claim, row) {
    const button = make("button", { type: "button", className: `claim ${claim.verdict}`, title: sayEvidence(claim) }, makeIcon(claim.verdict), words);
    button.setAttribute("aria-label", `${words}: ${claim.verdict}`);
    button.addEventListener("click", () => {
      for (const other of row.parentElement?.children ?? []) other.classList.toggle("chosen", other === row);
      const start = findStart(claim);
      if (start === null) row.scrollIntoView({ block: "nearest" });
      else this.jump(start);
    });
    return button;
  }

  /** @param {any} claim */
  #makeRow(claim) {
    /** @type {keyof typeof VERDICTS} */
    const verdict = claim.verdict;
    const head = make("p", { className: verdict }, makeIcon(verdict), make("strong", {}, sayClaim(claim)), ` ${VERDICTS[verdict].word}`);
    const row = make("li", {}, head, make("p", { className: "small soft" }, sayEvidence(claim)));
    const start = findStart(claim);
    if (start !== null) {
      const button = make("button", { type: "button", className: "jump" }, makeIcon("play"), sayMoment(claim, start));
      button.addEventListener("click", () => this.jump(start));
      row.append(button);
    }
    return row;
  }
}

/**
 * Return when the moment begins that decides a claim, or the one it speaks of; null without one.
 * @param {any} claim
 * @returns {number | null}
 */
function findStart(claim) {
  return claim.evidence.fact?.start_seconds ?? claim.span_seconds?.find(Number.isFinite) ?? null;
}

/**
 * @param {any} claim
 * @param {number} start
 */
function sayMoment(claim, start) {
  return (claim.evidence.fact && saySpan(claim.evidence.fact)) || `at ${saySeconds(start)} s`;
}

/** @param {any} claim */
function sayEvidence(claim) {
  return claim.evidence.says.replaceAll("_", " ");
}

/**
 * Cut a text into pieces, each with the number of the claim it carries or null. Where claims
 * share words, the worse verdict takes them.
 * @param {string} text
 * @param {{start: number, stop: number, verdict: string}[]} claims Places count characters, not
 *   the halves that JavaScript counts.
 * @returns {{words: string, claim: number | null}[]}
 */
export function splitByClaims(text, claims) {
  const signs = [...text];
  /** @type {(number | null)[]} */
  const owner = signs.map(() => null);
  const order = claims.map((_, number) => number);
  order.sort((a, b) => WORST_FIRST.indexOf(claims[b].verdict) - WORST_FIRST.indexOf(claims[a].verdict));
  for (const number of order) owner.fill(number, claims[number].start, claims[number].stop);
  /** @type {{words: string, claim: number | null}[]} */
  const pieces = [];
  signs.forEach((sign, place) => {
    const last = pieces.at(-1);
    if (last && last.claim === owner[place]) last.words += sign;
    else pieces.push({ words: sign, claim: owner[place] });
  });
  return pieces;
}
