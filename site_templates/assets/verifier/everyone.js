// What is published of all epochs together: the marks of names, each person's own file and the files with all that he did.
import { oddNames } from "./oddnames.js";
import { allOfPerson } from "./personevents.js";

const ABREAST = 8; // people whose files are fetched at a time

/** `odd-names.json` held to the marks that the names get here. `names`: of all users, what each is called now. */
export async function oddNameFindings(out, names) {
  const path = "odd-names.json";
  const stated = await out.json(path);
  if (stated === null) return;
  const { marks, unsure } = oddNames(names);
  for (const user of new Set([...marks.keys(), ...Object.keys(stated)]))
    if (!unsure.has(user)) out.same(path, `mark of user ${user} (${names.get(user) ?? "not known"})`, marks.get(user), Object.hasOwn(stated, user) ? stated[user] : undefined);
}

const placeOf = ({ scope_id: scope, epoch_id: epoch }) => `${scope}/${epoch}`;
const byPlace = (a, b) => (placeOf(a) < placeOf(b) ? -1 : 1);

/** A person's own file held to all epochs; null where it is not published. */
async function aboutPerson(out, user, { name, credits, entries, bindings }) {
  const path = `contributors/${user}.json`;
  const about = await out.json(path);
  if (about === null) return null;
  out.same(path, "name", name, about.name);
  out.same(path, "final_credits", credits, about.final_credits);
  out.same(path, "bindings", bindings, about.bindings);
  const stated = Array.isArray(about.epochs) && about.epochs.every((one) => one !== null && typeof one === "object") ? about.epochs : [];
  out.same(path, "epochs", [...entries].sort(byPlace), [...stated].sort(byPlace), placeOf);
  return about;
}

/**
 * Everybody's files. `people`: by user, his name now, his credits, his entry in each epoch, his bindings, and his `seals`: of each
 * epoch that he has events in (`sealOf` in personevents.js), in their order.
 */
export async function personFindings(out, people) {
  const waiting = [...people];
  await Promise.all(Array.from({ length: ABREAST }, async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop())
      await allOfPerson(out, one[0], one[1].seals, await aboutPerson(out, ...one));
  }));
}
