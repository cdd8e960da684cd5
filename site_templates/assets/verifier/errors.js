// The one error of the verifier: what was refused, where, and under which invariant.

export class Refusal extends Error {
  /** @param {string} message  @param {{rule?: string|null, path?: string|null, line?: number|null}} place */
  constructor(message, { rule = null, path = null, line = null } = {}) {
    super(message);
    this.rule = rule;
    this.path = path;
    this.line = line;
  }

  /** The same refusal with its place filled in, where it was not known before. */
  at(path, line = null) {
    if (this.path === null) [this.path, this.line] = [path, line];
    return this;
  }
}
