// The server, as the page speaks to it: JSON, uploads, streamed answers, and errors in plain words.

/** What went wrong, in words for people. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string | null}} [about]
   */
  constructor(message, { status = 0, code = null } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Called when the server wants a key; resolves when there is a new one. */
let askForKey = async () => {};

/** @param {() => Promise<void>} ask */
export function onKeyWanted(ask) {
  askForKey = ask;
}

function readKey() {
  try {
    return sessionStorage.getItem("key") ?? "";
  } catch {
    return "";
  }
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem("key", key);
}

/**
 * Send a request; asks for a key once where one is wanted.
 * @param {string} path Relative to the page, so that it works behind a prefix.
 * @param {RequestInit} [options]
 * @param {boolean} [isSecond]
 * @returns {Promise<Response>}
 */
async function send(path, options = {}, isSecond = false) {
  const headers = new Headers(options.headers);
  const key = readKey();
  if (key) headers.set("Authorization", `Bearer ${key}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is it still running?");
  }
  if (response.status === 401 && !isSecond) {
    await askForKey();
    return send(path, options, true);
  }
  if (!response.ok) throw await readError(response);
  return response;
}

/**
 * Ask for JSON; with a body, post it.
 * @param {string} path
 * @param {any} [body]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function askJson(path, body, signal) {
  return (await send(path, postOptions(body, signal))).json();
}

/**
 * Upload a file and return its id.
 * @param {File} file
 * @param {AbortSignal} [signal]
 * @returns {Promise<string>}
 */
export async function upload(file, signal) {
  const body = new FormData();
  body.append("file", file, file.name || "media");
  return (await (await send("v1/files", { method: "POST", body, signal })).json()).id;
}

/**
 * Have the server forget a file; works while the page is being left, and never fails.
 * @param {string} id
 */
export function forget(id) {
  send(`v1/files/${id}`, { method: "DELETE", keepalive: true }, true).catch(() => {});
}

/**
 * Stream an answer.
 * @param {any} body A chat request.
 * @param {{signal: AbortSignal, onText: (text: string) => void}} options
 * @returns {Promise<any>} What the answer rests on: the field `lineament` of its last piece.
 */
export async function streamAnswer(body, { signal, onText }) {
  const response = await send("v1/chat/completions", postOptions({ ...body, stream: true }, signal));
  let evidence = {};
  for await (const event of readEvents(response)) {
    if (event.error) throw new ApiError(explain(500, event.error), event.error);
    const delta = event.choices?.[0]?.delta ?? {};
    if (delta.content) onText(delta.content);
    if (delta.lineament) evidence = delta.lineament;
  }
  return evidence;
}

/**
 * Read server-sent events up to the last one.
 * @param {Response} response
 * @returns {AsyncGenerator<any>}
 */
async function* readEvents(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new ApiError("The answer broke off. Ask again.");
    const events = (held + value).split("\n\n");
    held = events.pop() ?? "";
    for (const event of events) {
      const data = event.replace(/^data: /, "");
      if (data === "[DONE]") return;
      yield JSON.parse(data);
    }
  }
}

/**
 * @param {any} body
 * @param {AbortSignal} [signal]
 * @returns {RequestInit}
 */
function postOptions(body, signal) {
  if (body === undefined) return { signal };
  const headers = { "Content-Type": "application/json" };
  return { method: "POST", headers, body: JSON.stringify(body), signal };
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function readError(response) {
  let error = { message: "", code: null };
  try {
    error = { ...error, ...(await response.json()).error };
  } catch {
    // Something between the page and the server answered.
  }
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(explain(response.status, error, wait), { status: response.status, code: error.code });
}

/**
 * Say an error as a person would.
 * @param {number} status
 * @param {{message: string, code: string | null}} error
 * @param {number} [wait] Seconds.
 * @returns {string}
 */
function explain(status, { message, code }, wait = 0) {
  const later = wait ? ` Try again in ${wait} ${wait === 1 ? "second" : "seconds"}.` : " Try again soon.";
  if (code === "queue_full") return `The server is busy.${later}`;
  if (status === 429) return `That were too many requests.${later}`;
  if (status === 401) return "The server does not know this key.";
  if (status === 413) return "This file is too large for the server.";
  if (status === 408 || status === 504) return "That took too long, so the server stopped it.";
  if (status === 503) return `The server cannot do this now.${later}`;
  if (code === "file_not_found") return "The server has forgotten this file. Choose it again.";
  if (code === "bad_media") return `This file cannot be used: ${tidy(message)}`;
  if (message) return capitalise(tidy(message));
  return `The server answered with an error (${status}).`;
}

/**
 * Leave the field's name out: `prompt: is empty` is for programs.
 * @param {string} message
 */
function tidy(message) {
  const said = message.replace(/^(media|file|prompt|text|messages|model)(\[[^\]]*\]|\.\w+)*: /, "");
  return /[.!?)]$/.test(said) ? said : `${said}.`;
}

/** @param {string} text */
function capitalise(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
