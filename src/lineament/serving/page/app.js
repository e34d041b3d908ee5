// The page: a file in, what was found out; then questions, checks and drawings.

import { ApiError, askJson, keepKey, onKeyWanted } from "./api.js";
import { Conversation } from "./ask.js";
import { Check } from "./check.js";
import { changeIcon, find, make, showError } from "./dom.js";
import { Easel } from "./draw.js";
import { Player } from "./player.js";
import { SharedFile } from "./shared_file.js";
import { startTabs } from "./tabs.js";
import { Timeline } from "./timeline.js";
import { sayBytes, sayCount } from "./words.js";

const player = new Player();
const timeline = new Timeline(player);
const jump = (/** @type {number} */ seconds) => player.jump(seconds);
const conversation = new Conversation(jump);
const check = new Check(jump);
const easel = new Easel();
/** @type {{max_bytes: number, max_seconds: number, file_seconds: number}} */
let limits = { max_bytes: Infinity, max_seconds: Infinity, file_seconds: Infinity };
/** @type {SharedFile | null} */
let media = null;

start();

async function start() {
  startTabs(find("tools").querySelector("[role=tablist]"));
  startTheme();
  startFile();
  startKey();
  try {
    limits = await askJson("page/limits");
    sayLimits();
    const { data } = await askJson("v1/models");
    const answering = data.find((/** @type {any} */ model) => model.kind === "chat");
    conversation.model = answering?.id ?? "";
    const name = answering?.id === "rule" ? "fixed rules" : (answering?.id ?? "");
    find("where").replaceChildren(name, make("span", { className: "place" }, ` ${sayPlace()}`));
    easel.start(data.find((/** @type {any} */ model) => model.kind === "draw")?.id);
  } catch (error) {
    find("where").textContent = sayError(error);
  }
}

/** Say whose machine it is that looks. */
function sayPlace() {
  return isOwnMachine() ? "on this machine" : `on ${location.hostname}`;
}

function isOwnMachine() {
  return ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
}

function sayLimits() {
  find("limits").textContent = `Up to ${sayBytes(limits.max_bytes)} and ${limits.max_seconds} seconds. mp4 and webm play best.`;
  const place = isOwnMachine() ? "Nothing leaves this machine." : `It goes to ${location.hostname}, and nowhere else.`;
  const minutes = Math.max(1, Math.round(limits.file_seconds / 60));
  find("privacy").textContent =
    `${place} The clip is deleted when you choose another or leave this page, after ${sayCount(minutes, "minute")} ` +
    "at the latest; what was measured stays in the server’s memory until it ends. Nothing is kept after the " +
    "session unless asked.";
}

function startTheme() {
  const button = find("theme");
  const isDark = () => {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    changeIcon(button, isDark() ? "sun" : "moon");
  };
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // Storage may be forbidden; then the choice lasts as long as the page.
    }
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

function startKey() {
  const dialog = find("key-dialog");
  onKeyWanted(
    () =>
      new Promise((resolve) => {
        dialog.addEventListener("close", () => resolve(undefined), { once: true });
        if (!dialog.open) dialog.showModal();
      }),
  );
  find("key-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    keepKey(find("key").value.trim());
    find("key").value = "";
    dialog.close();
  });
}

function startFile() {
  const input = find("file");
  for (const name of ["choose", "another"]) find(name).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files[0]) openFile(input.files[0]);
    input.value = "";
  });
  find("forget").addEventListener("click", closeFile);
  let depth = 0; // elements under the dragged file tell of entering and leaving one by one
  const mark = (/** @type {number} */ change) => {
    depth = change ? Math.max(0, depth + change) : 0;
    document.body.classList.toggle("dragging", depth > 0);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    const file = event.dataTransfer?.files[0];
    if (file) openFile(file);
  });
  addEventListener("pagehide", () => media?.leave());
}

/** @param {File} file */
async function openFile(file) {
  media?.leave();
  const shared = new SharedFile(file);
  media = shared;
  timeline.clear();
  find("drop").hidden = true;
  find("shown").hidden = false;
  find("media-name").textContent = file.name;
  player.show(file);
  find("stage").focus({ preventScroll: true });
  if (file.size > limits.max_bytes) {
    setMedia(null);
    say("");
    showError(find("look-error"), `This file holds ${sayBytes(file.size)}; the server takes ${sayBytes(limits.max_bytes)}.`);
    return;
  }
  setMedia(shared);
  await look(shared);
}

/**
 * Have a file looked at, and show what was found.
 * @param {SharedFile} shared
 */
async function look(shared) {
  showError(find("look-error"), "");
  say("Looking for faces…", true);
  try {
    const annotation = await shared.with((id) => askJson("annotate", { media: id, boxes: true }));
    if (shared !== media) return;
    player.describe(annotation);
    timeline.fill(annotation);
    say(summarise(annotation));
  } catch (error) {
    if (shared !== media) return;
    say("");
    showError(find("look-error"), sayError(error), () => look(shared));
  }
}

function closeFile() {
  media?.leave();
  media = null;
  player.clear();
  timeline.clear();
  setMedia(null);
  say("");
  showError(find("look-error"), "");
  find("shown").hidden = true;
  find("drop").hidden = false;
  find("choose").focus();
}

/** @param {SharedFile | null} shared */
function setMedia(shared) {
  conversation.about(shared);
  check.about(shared);
}

/**
 * @param {string} text
 * @param {boolean} [isBusy]
 */
function say(text, isBusy = false) {
  const status = find("status");
  status.textContent = text;
  status.classList.toggle("busy", isBusy);
}

/** @param {any} annotation */
function summarise(annotation) {
  const faces = annotation.subjects.length;
  const found = faces ? `${sayCount(faces, "face")} found.` : "No face was found; there is little to ask about.";
  if (!annotation.duration_seconds) return found;
  return `${annotation.duration_seconds.toFixed(1)} s, ${sayCount(annotation.num_frames, "frame")}. ${found}`;
}

/** @param {unknown} error */
function sayError(error) {
  return error instanceof ApiError ? error.message : "Something on this page went wrong. Load it again.";
}
