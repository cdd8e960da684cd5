// The page's side of the verifier's worker.

/** What an element says about its epoch: `data-scope`, `data-epoch` and `data-base` (the API's root, relative to the page). */
export function placeOf({ dataset }) {
  return { scope: dataset.scope, epoch: dataset.epoch, base: new URL(dataset.base, document.baseURI).href };
}

export class Verifier {
  #worker = new Worker(new URL("../verifier/worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #last = 0;
  #broken = null; // why the worker cannot run: it says so once, and answers nothing

  constructor() {
    this.#worker.addEventListener("message", ({ data }) => {
      const { resolve, reject, progress } = this.#waiting.get(data.id);
      if (data.progress) return progress(data.progress);
      this.#waiting.delete(data.id);
      return "error" in data ? reject(new Error(data.error)) : resolve(data.result);
    });
    this.#worker.addEventListener("error", () => {
      this.#broken = new Error("this browser cannot run the check (it needs module workers)");
      for (const { reject } of this.#waiting.values()) reject(this.#broken);
    });
  }

  /** Ask for one act of the worker (see verifier/worker.js). */
  ask(act, values, progress = () => {}) {
    if (this.#broken) return Promise.reject(this.#broken);
    const id = (this.#last += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, progress });
      this.#worker.postMessage({ id, act, ...values });
    });
  }

  end() {
    this.#worker.terminate();
  }
}
