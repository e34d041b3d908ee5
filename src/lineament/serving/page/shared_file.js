// The chosen file on the server: sent once, named in every request, sent again if it was forgotten.

import { ApiError, forget, upload } from "./api.js";

export class SharedFile {
  /** @param {File} file */
  constructor(file) {
    this.file = file;
    /** @type {Promise<string> | null} */
    this.sent = null;
    this.id = "";
    this.isLeft = false;
  }

  /**
   * Run something with the file's id; once more with a new one, if the server has forgotten it.
   * @template T
   * @param {(id: string) => Promise<T>} use
   * @returns {Promise<T>}
   */
  async with(use) {
    try {
      return await use(await this.#send());
    } catch (error) {
      const isForgotten = error instanceof ApiError && error.code === "file_not_found";
      if (!isForgotten || this.isLeft) throw error;
      this.sent = null;
      return use(await this.#send());
    }
  }

  /** Have the server forget it, also when it is still being sent. */
  leave() {
    this.isLeft = true;
    if (this.id) forget(this.id);
    this.id = "";
    this.sent = null;
  }

  #send() {
    this.isLeft = false;
    this.sent ??= this.#upload();
    return this.sent;
  }

  async #upload() {
    try {
      const id = await upload(this.file);
      if (this.isLeft) forget(id);
      else this.id = id;
      return id;
    } catch (error) {
      this.sent = null;
      throw error;
    }
  }
}
