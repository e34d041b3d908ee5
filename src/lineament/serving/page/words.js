// Facts, claims and times as a person reads them.

/**
 * A fact as the API tells it.
 * @typedef {{name: string, value: any, family: string, start_seconds: number | null,
 *   stop_seconds: number | null, source: string, validated: "real" | "rendered" | "none",
 *   subject?: string}} Fact
 */

/** How each verdict is said; its icon bears the verdict's own name. */
export const VERDICTS = {
  supported: { word: "supported", beside: "landmarks agree" },
  contradicted: { word: "contradicted", beside: "landmarks disagree" },
  unknown: { word: "unknown", beside: "landmarks cannot tell" },
};

/** On what media a kind of fact has been measured. */
export const MEASURED = {
  real: "measured on real media",
  rendered: "measured on drawn clips only",
  none: "not measured",
};

/** Names that say too little by themselves. */
const PLAINER = new Map([
  ["gaze", "steady gaze"],
  ["gaze_away", "looks away"],
  ["head_pose", "head"],
]);

/**
 * Say a name of the vocabulary.
 * @param {string} name
 * @returns {string}
 */
export function sayName(name) {
  const plainer = PLAINER.get(name);
  if (plainer) return plainer;
  return name
    .replace(/^wearing_/, "")
    .replace(/^num_/, "number of ")
    .replace(/_(degrees|years)$/, "")
    .replaceAll("_", " ");
}

/**
 * Say what a fact says: `smile`, `head left`, `head yaw −24.2°`.
 * @param {{name: string, value: any}} fact
 * @returns {string}
 */
export function sayFact({ name, value }) {
  if (name === "male" && typeof value === "boolean") return `apparently ${value ? "male" : "female"}`;
  if (value === true) return sayName(name);
  if (value === false) return `no ${sayName(name)}`;
  if (typeof value !== "number") return `${sayName(name)} ${value}`;
  const number = String(value).replace("-", "−");
  const unit = name.endsWith("_degrees") ? "°" : name.endsWith("_years") ? " years" : "";
  return `${sayName(name)} ${number}${unit}`;
}

/**
 * Say a claim that was read from a text; its value may be a half-open range.
 * @param {{name: string, value: any, negated?: boolean, hedged?: boolean}} claim
 * @returns {string}
 */
export function sayClaim(claim) {
  let said = "";
  if (Array.isArray(claim.value)) said = `${sayName(claim.name)} ${sayRange(claim.value)}`;
  else if (typeof claim.value === "string" && claim.negated) {
    said = `${sayName(claim.name)} not ${claim.value}`;
  } else said = sayFact(claim);
  return claim.hedged ? `${said} (with reserve)` : said;
}

/** @param {[number | null, number | null]} range */
function sayRange([low, high]) {
  if (low === null || high === null) {
    return high === null ? `${low} or more` : `less than ${high}`;
  }
  const isWhole = Number.isInteger(low) && Number.isInteger(high);
  if (!isWhole) return `${low} to ${high}`;
  return high - low <= 1 ? `${low}` : `${low} to ${high - 1}`;
}

/**
 * Say a time in a clip.
 * @param {number} seconds
 * @returns {string}
 */
export function saySeconds(seconds) {
  return seconds.toFixed(2);
}

/**
 * Say when a fact holds; empty when it always does.
 * @param {{start_seconds: number | null, stop_seconds: number | null}} fact
 * @returns {string}
 */
export function saySpan(fact) {
  if (fact.start_seconds === null || fact.stop_seconds === null) return "";
  return `${saySeconds(fact.start_seconds)} to ${saySeconds(fact.stop_seconds)} s`;
}

/**
 * Say how much a file holds.
 * @param {number} bytes
 * @returns {string}
 */
export function sayBytes(bytes) {
  const mebibytes = bytes / (1 << 20);
  return mebibytes >= 1 ? `${Math.round(mebibytes)} MB` : `${Math.max(1, Math.round(bytes / 1024))} kB`;
}

/**
 * Count something: `1 face`, `2 faces`.
 * @param {number} count
 * @param {string} word
 * @returns {string}
 */
export function sayCount(count, word) {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
