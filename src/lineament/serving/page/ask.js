// The conversation: questions, answers as they are written, and what they rest on.

import { ApiError, streamAnswer } from "./api.js";
import { find, make, makeIcon } from "./dom.js";
import { MEASURED, VERDICTS, sayClaim, sayFact, saySpan } from "./words.js";

const STARTERS = ["Is the person smiling?", "When does the person blink?", "What hair does the person have?", "Describe the person."];
const MAX_TURNS = 6; // of a conversation that are sent along
const MAX_EVIDENCE = 6;

export class Conversation {
  /** @param {(seconds: number) => void} jump */
  constructor(jump) {
    this.jump = jump;
    /** @type {import("./shared_file.js").SharedFile | null} */
    this.media = null;
    this.model = "";
    /** @type {{question: string, answer: string}[]} */
    this.turns = [];
    /** @type {AbortController | null} */
    this.running = null;
    this.form = find("ask-form");
    this.question = find("question");
    this.button = find("send");
    this.talk = find("talk");
    this.start = find("talk-start");
    this.#listen();
    this.about(null);
  }

  /**
   * Talk about another clip or picture, from the beginning.
   * @param {import("./shared_file.js").SharedFile | null} media
   */
  about(media) {
    this.media = media;
    this.renew();
    this.question.disabled = this.button.disabled = media === null;
    const lead = media ? "Ask what can be seen." : "Choose a clip or picture first; then ask what can be seen in it.";
    find("talk-lead").textContent = lead;
    find("starters").hidden = media === null;
  }

  renew() {
    this.running?.abort();
    this.turns = [];
    this.talk.replaceChildren(this.start);
    find("new-talk").hidden = true;
  }

  #listen() {
    this.form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      if (this.running) this.running.abort();
      else this.#ask(this.question.value.trim());
    });
    this.question.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (!this.running) this.form.requestSubmit();
    });
    find("new-talk").addEventListener("click", () => {
      this.renew();
      this.question.focus();
    });
    for (const question of STARTERS) {
      const button = make("button", { type: "button", className: "starter" }, question);
      button.addEventListener("click", () => this.#ask(question));
      find("starters").append(make("li", {}, button));
    }
  }

  /** @param {string} question */
  async #ask(question) {
    const media = this.media;
    if (!question || !media || this.running) return;
    const running = new AbortController();
    this.#setRunning(running);
    this.start.remove();
    this.question.value = "";
    const answer = make("p", { className: "said" });
    const turn = make("div", { className: "turn", aria: { busy: true } }, make("p", { className: "asked" }, question), answer);
    this.talk.append(turn);
    this.#showEnd();
    try {
      const evidence = await media.with((id) => {
        answer.textContent = "";
        return streamAnswer(this.#request(id, question), {
          signal: running.signal,
          onText: (text) => {
            answer.append(text);
            this.#showEnd();
          },
        });
      });
      this.turns.push({ question, answer: answer.textContent ?? "" });
      turn.append(...this.#showEvidence(evidence));
    } catch (error) {
      if (running.signal.aborted) answer.append(make("span", { className: "soft" }, " (stopped)"));
      else turn.append(this.#showFailure(error, question));
    } finally {
      turn.removeAttribute("aria-busy");
      if (this.running === running) this.#setRunning(null);
      find("new-talk").hidden = !this.talk.contains(turn);
      this.#showEnd();
    }
  }

  /**
   * @param {string} id Of the file.
   * @param {string} question
   */
  #request(id, question) {
    const messages = this.turns.slice(-MAX_TURNS).flatMap((turn) => [
      { role: "user", content: turn.question },
      { role: "assistant", content: turn.answer },
    ]);
    const content = [{ type: "text", text: question }, { type: "file", file: { file_id: id } }];
    return {
      model: this.model,
      messages: [...messages, { role: "user", content }],
      all_facts: find("all-facts").checked,
    };
  }

  /**
   * @param {any} evidence
   * @returns {Node[]}
   */
  #showEvidence(evidence) {
    const shown = [];
    const claims = unique(evidence.claims ?? [], (claim) => `${claim.name} ${claim.value} ${claim.negated} ${claim.verdict}`);
    if (claims.length) shown.push(make("ul", { className: "beside", aria: { label: "What landmarks say" } }, ...claims.map(showClaim)));
    const timed = (evidence.facts ?? []).filter((/** @type {any} */ fact) => fact.start_seconds !== null);
    if (timed.length) {
      const buttons = timed.slice(0, MAX_EVIDENCE).map((/** @type {any} */ fact) => this.#makeJump(fact));
      shown.push(make("div", { className: "evidence", role: "group", aria: { label: "Moments" } }, ...buttons));
    }
    const notes = [saySource(evidence), ...(evidence.notes ?? [])].filter(Boolean);
    if (notes.length) shown.push(make("p", { className: "small soft" }, notes.join(" ")));
    return shown;
  }

  /** @param {import("./words.js").Fact} fact */
  #makeJump(fact) {
    const text = `${sayFact(fact)}, ${saySpan(fact)}`;
    const button = make("button", { type: "button", className: "jump", title: fact.subject ?? "" }, makeIcon("play"), text);
    button.addEventListener("click", () => this.jump(fact.start_seconds ?? 0));
    return button;
  }

  /**
   * @param {unknown} error
   * @param {string} question
   */
  #showFailure(error, question) {
    const text = error instanceof ApiError ? error.message : "The answer cannot be shown.";
    const again = make("button", { type: "button", className: "plain" }, "Ask again");
    again.addEventListener("click", () => this.#ask(question));
    return make("div", { className: "notice bad", role: "alert" }, make("p", {}, text), again);
  }

  /** @param {AbortController | null} running */
  #setRunning(running) {
    this.running = running;
    this.button.textContent = running ? "Stop" : "Ask";
  }

  #showEnd() {
    this.talk.scrollTop = this.talk.scrollHeight;
  }
}

/** @param {any} claim */
function showClaim(claim) {
  /** @type {keyof typeof VERDICTS} */
  const verdict = claim.verdict;
  const not = claim.negated && Array.isArray(claim.value) ? "not " : "";
  return make("li", { className: verdict }, makeIcon(verdict), `${not}${sayClaim(claim)}: ${VERDICTS[verdict].beside}`);
}

/**
 * Say who answered, and how far such answers are to be trusted.
 * @param {any} evidence
 */
function saySource(evidence) {
  if (evidence.source === "rule") return "Answered by a fixed rule.";
  const { sentences_left_out: left, sentences_denied: denied } = evidence;
  const measured = `Answers of this kind: ${MEASURED[/** @type {"real"} */ (evidence.validated)] ?? "not measured"}.`;
  const gone = [
    [left, "never measured on real media"],
    [denied, "denied when asked outright"],
  ].filter(([count]) => count);
  const notes = gone.map(([count, why]) => `${count === 1 ? "One sentence was" : `${count} sentences were`} left out: ${why}.`);
  return [measured, ...notes].join(" ");
}

/**
 * @template T
 * @param {T[]} items
 * @param {(item: T) => string} name
 * @returns {T[]}
 */
function unique(items, name) {
  return [...new Map(items.map((item) => [name(item), item])).values()];
}
