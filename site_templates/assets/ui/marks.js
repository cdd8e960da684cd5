// Marks of names that are not what they look like, as the site's builder made them (`odd-names.json`).
import { make } from "./dom.js";

/** The mark and its words by user id; null where they cannot be had. `base`: the API's root. */
export async function oddNames(base) {
  const answer = await fetch(new URL("odd-names.json", base), { credentials: "omit", redirect: "error" }).catch(() => null);
  return answer?.ok ? answer.json().catch(() => null) : null;
}

/** The mark of a user's name, as pages show it, or null. */
export const markOf = (odd, user) => {
  const mark = odd !== null && Object.hasOwn(odd, user) ? odd[user] : null;
  return mark && make("span", { class: "tag", title: mark[1] }, mark[0]);
};
