// The player: a clip or picture with its boxes, and one clock that everything else follows.

import { changeIcon, find, make } from "./dom.js";
import { saySeconds } from "./words.js";

/**
 * Where one face is, frame by frame.
 * @typedef {{subject: string, times_seconds: number[], boxes_xyxy_px: number[][]}} Track
 */

/** A clip that the browser cannot play runs on a clock of its own. */
class BareClock {
  constructor() {
    this.duration = 0;
    this.playbackRate = 1;
    this.paused = true;
    this.from = 0;
    this.began = 0;
  }

  get currentTime() {
    if (this.paused) return this.from;
    const passed = ((performance.now() - this.began) / 1000) * this.playbackRate;
    return Math.min(this.from + passed, this.duration);
  }

  set currentTime(seconds) {
    this.from = seconds;
    this.began = performance.now();
  }

  play() {
    this.currentTime = this.from >= this.duration ? 0 : this.from;
    this.paused = false;
  }

  pause() {
    this.currentTime = this.currentTime;
    this.paused = true;
  }
}

/** Tells `time` whenever the shown moment changes. */
export class Player extends EventTarget {
  constructor() {
    super();
    this.stage = find("stage");
    this.frame = find("frame");
    this.video = find("video");
    this.picture = find("picture");
    this.note = find("stage-note");
    this.layer = find("boxes");
    this.controls = find("controls");
    /** @type {HTMLVideoElement | BareClock} */
    this.clock = this.video;
    /** @type {Track[]} */
    this.tracks = [];
    /** @type {{width: number, height: number} | null} */
    this.size = null;
    this.url = "";
    this.frameSeconds = 0.04;
    this.duration = 0;
    this.#listen();
  }

  /** @param {File} file */
  show(file) {
    this.clear();
    this.url = URL.createObjectURL(file);
    const isPicture = file.type.startsWith("image/");
    this.video.hidden = isPicture;
    this.picture.hidden = !isPicture;
    if (isPicture) this.picture.src = this.url;
    else this.video.src = this.url;
  }

  clear() {
    this.clock.pause();
    this.clock = this.video;
    this.video.removeAttribute("src");
    this.video.load();
    this.picture.removeAttribute("src");
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = "";
    this.note.hidden = true;
    this.controls.hidden = true;
    this.tracks = [];
    this.size = null;
    this.duration = 0;
    this.layer.replaceChildren();
    this.frame.classList.remove("bare");
  }

  /**
   * Take over what the server found: size, length and boxes.
   * @param {any} annotation
   */
  describe(annotation) {
    this.size = { width: annotation.width, height: annotation.height };
    this.#setDuration(annotation.duration_seconds);
    this.frameSeconds = annotation.fps ? 1 / annotation.fps : 0.04;
    this.tracks = annotation.tracks;
    this.layer.replaceChildren(
      ...this.tracks.map((track, number) => {
        const label = make("span", {}, track.subject);
        return make("div", { className: "box", hidden: true, data: { face: number % 8 } }, label);
      }),
    );
    if (!this.video.videoWidth && !this.picture.naturalWidth) this.#setShape(annotation.width, annotation.height);
    this.#tell();
  }

  get isPicture() {
    return this.duration === 0;
  }

  get time() {
    return this.clock.currentTime;
  }

  /** @param {number} seconds */
  seek(seconds) {
    this.clock.currentTime = Math.max(0, Math.min(seconds, this.duration));
    if (this.clock instanceof BareClock) this.#tell();
  }

  /**
   * Show the moment at which something begins.
   * @param {number} seconds
   */
  jump(seconds) {
    this.seek(seconds + 0.001); // a hair inside, so that the frame before is not what is shown
    const { top, bottom } = this.stage.getBoundingClientRect();
    if (top > innerHeight - 80 || bottom < 80) this.stage.scrollIntoView({ behavior: isCalm() ? "auto" : "smooth" });
  }

  async toggle() {
    if (this.isPicture) return;
    if (!this.clock.paused && this.time < this.duration) {
      this.clock.pause();
    } else {
      try {
        await this.clock.play();
      } catch {
        return; // another file was chosen in between
      }
    }
    this.#tell();
    this.#run();
  }

  #listen() {
    this.video.addEventListener("loadedmetadata", () => {
      this.#setShape(this.video.videoWidth, this.video.videoHeight);
      // Sound without pictures: the frames are in a codec that this browser lacks.
      if (!this.video.videoWidth) this.#playBare();
      else if (Number.isFinite(this.video.duration)) this.#setDuration(this.video.duration);
    });
    this.video.addEventListener("error", () => this.video.hasAttribute("src") && this.#playBare());
    for (const name of ["play", "pause", "seeked", "ended"]) {
      this.video.addEventListener(name, () => (this.#tell(), this.#run()));
    }
    this.picture.addEventListener("load", () => {
      this.#setShape(this.picture.naturalWidth, this.picture.naturalHeight);
    });
    this.picture.addEventListener("error", () => {
      if (this.picture.hasAttribute("src")) this.#playBare();
    });
    find("play").addEventListener("click", () => this.toggle());
    find("show-boxes").addEventListener("change", (event) => {
      this.layer.hidden = !event.target.checked;
    });
    find("speed").addEventListener("change", (event) => {
      this.clock.currentTime = this.time;
      this.video.playbackRate = this.clock.playbackRate = Number(event.target.value);
    });
    const sound = find("sound");
    sound.addEventListener("click", () => {
      this.video.muted = !this.video.muted;
      sound.setAttribute("aria-pressed", String(!this.video.muted));
      changeIcon(sound, this.video.muted ? "silent" : "sound");
    });
    this.stage.addEventListener("keydown", (event) => this.#press(event));
    this.frame.addEventListener("click", () => this.toggle());
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    if (this.isPicture || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 1 : this.frameSeconds;
    if (event.key === " ") this.toggle();
    else if (event.key === "ArrowLeft") this.seek(this.time - step);
    else if (event.key === "ArrowRight") this.seek(this.time + step);
    else if (event.key === "Home") this.seek(0);
    else if (event.key === "End") this.seek(this.duration);
    else return;
    event.preventDefault();
  }

  /** Go on without pictures: boxes move over an empty frame, and the page says why. */
  #playBare() {
    this.clock = new BareClock();
    this.clock.duration = this.duration;
    this.video.hidden = true;
    this.picture.hidden = true;
    this.frame.classList.add("bare");
    if (this.size) this.#setShape(this.size.width, this.size.height);
    this.note.textContent =
      "Your browser cannot show this kind of file. Lineament can read it: boxes, timeline, questions " +
      "and checks work. To see the frames, save it as mp4 (H.264), PNG or JPEG.";
    this.note.hidden = false;
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  #setShape(width, height) {
    if (width && height) this.frame.style.setProperty("--ratio", String(width / height));
  }

  /** @param {number} seconds */
  #setDuration(seconds) {
    this.duration = seconds;
    if (this.clock instanceof BareClock) this.clock.duration = seconds;
    find("duration").textContent = saySeconds(seconds);
    this.controls.hidden = this.isPicture;
  }

  /** Follow the clock while it runs. */
  #run() {
    if (this.isRunning) return;
    this.isRunning = true;
    const step = () => {
      if (this.time >= this.duration && this.clock instanceof BareClock) this.clock.pause();
      this.#tell();
      this.isRunning = !this.clock.paused;
      if (this.isRunning) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  #tell() {
    const play = find("play");
    const isPlaying = !this.clock.paused;
    play.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    changeIcon(play, isPlaying ? "pause" : "play");
    find("time").textContent = saySeconds(this.time);
    this.#moveBoxes();
    this.dispatchEvent(new CustomEvent("time", { detail: this.time }));
  }

  #moveBoxes() {
    const { width, height } = this.size ?? { width: 1, height: 1 };
    this.tracks.forEach((track, number) => {
      const shown = /** @type {HTMLElement} */ (this.layer.children[number]);
      const box = boxAt(track, this.time, this.isPicture ? Infinity : this.frameSeconds);
      shown.hidden = box === null;
      if (!box) return;
      shown.style.left = `${(100 * box[0]) / width}%`;
      shown.style.top = `${(100 * box[1]) / height}%`;
      shown.style.width = `${(100 * (box[2] - box[0])) / width}%`;
      shown.style.height = `${(100 * (box[3] - box[1])) / height}%`;
    });
  }
}

/**
 * Return where a face is at a time; null when it is not in view.
 * @param {Track} track
 * @param {number} time
 * @param {number} frameSeconds
 * @returns {number[] | null}
 */
export function boxAt({ times_seconds: times, boxes_xyxy_px: boxes }, time, frameSeconds) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  const before = low - 1;
  // A frame is shown until the next one; a face that was lost for a moment is not guessed.
  if (before < 0) return times.length && times[0] - time < frameSeconds / 2 ? boxes[0] : null;
  return time - times[before] < 1.5 * frameSeconds ? boxes[before] : null;
}

/** Say whether movement is to be avoided. */
function isCalm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
