// Who an account belongs to: the bindings log folded into one answer. The latest line of an account wins.

export const accountKey = (provider, externalId) => `${provider}\n${externalId}`;

/** Accounts that stand for anybody: they bind to no one, and nothing is held for them (specification, section 3). */
const NOBODY = new Set([
  accountKey("github", "ghost"), accountKey("github", "10137"), accountKey("discord", "456226577798135808"),
  accountKey("git", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
]);

export const standsForAnybody = (provider, externalId) => NOBODY.has(accountKey(provider, externalId));

/** Every account that is bound after all lines, with its user. */
export function resolveAccounts(bindings) {
  const bound = new Map();
  for (const line of bindings) {
    const key = accountKey(line.provider, line.external_id);
    if (line.action === "bind") bound.set(key, line.user_id);
    else bound.delete(key);
  }
  return bound;
}

/** The accounts that somebody was bound to by a line behind the first `size`, whether he still is or not. */
export function claimedSince(bindings, size) {
  const binds = bindings.slice(size).filter((line) => line.action === "bind");
  return new Set(binds.map((line) => accountKey(line.provider, line.external_id)));
}

/** Every user that the log ever named, bound now or not. */
export const knownUsers = (bindings) => new Set(bindings.map((line) => line.user_id));

/** What each user is called: the last login that a binding carries, else the first eight digits of the id. */
export function namesOf(bindings) {
  const names = new Map();
  for (const line of bindings) {
    if (!names.has(line.user_id)) names.set(line.user_id, line.user_id.slice(0, 8));
    if (line.action === "bind" && line.login) names.set(line.user_id, line.login);
  }
  return names;
}
