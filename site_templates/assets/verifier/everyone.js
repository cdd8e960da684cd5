// What is published of all epochs together: the marks of names, and each person's files with all that he did.
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

/** Everybody's files. `seals`: by user, of each epoch that he has a part in (`sealOf` in personevents.js), in their order. */
export async function personFindings(out, seals) {
  const people = [...seals];
  await Promise.all(Array.from({ length: ABREAST }, async () => {
    for (let one = people.pop(); one !== undefined; one = people.pop()) await allOfPerson(out, ...one);
  }));
}
