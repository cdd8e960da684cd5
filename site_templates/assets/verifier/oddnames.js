// Names that are not what they look like, as `odd-names.json` marks them: made here anew, in the same words.
//
// Which letters there are, and what each passes for, grows with Unicode: of names with others than those that every
// edition in use sees alike, nothing is said. The tests hold this to the builder's own marks.

const SETTLED = /^[ -~\u00a1-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u02af\u0386\u0388-\u03ff\u0400-\u0482\u048a-\u052f\u0531-\u0556\u0561-\u0587\u200b-\u200f\u202a-\u202e\u2060-\u2064\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fa5\uac00-\ud7a3\ufeff]*$/u;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}]/u;
const ALPHABETS = ["Latin", "Cyrillic", "Greek", "Armenian"].map((script) => new RegExp(`\\p{Script=${script}}`, "u"));
const FOLDED = { "\u00df": "ss", "\u03c2": "\u03c3" };
const CYRILLIC = "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u04bb\u04cf\u0501\u051b\u051d";
const GREEK = "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7";
const LIKE = new Map([...CYRILLIC + GREEK + "\u0131\u0251\u0261i1|0"].map((letter, index) => [letter, ("abekmhopctyxsljhldqw" + "abenlkvoptux" + "laglllo")[index]]));

/** What a name looks like: two names that give the same text are easily taken for each other. */
export function lookalike(name) {
  const folded = [...name.normalize("NFKC").toLowerCase()].map((letter) => FOLDED[letter] ?? letter).join("");
  const seen = folded.normalize("NFKD").replace(/[\p{Mn}\p{Zs}]/gu, "").replace(new RegExp(HIDDEN, "gu"), "");
  return [...seen].map((letter) => LIKE.get(letter) ?? letter).join("").replaceAll("rn", "m").replaceAll("vv", "w");
}

const inOrder = (names) => [...new Set(names)].sort((a, b) => {
  const [one, two] = [a, b].map((name) => [...name].map((letter) => letter.codePointAt(0)));
  const at = one.findIndex((code, index) => code !== two[index]);
  return at === -1 ? one.length - two.length : one[at] - (two[at] ?? -1);
});

/**
 * The marks of users, by id: a word or two, and what it says in full.
 * @param {Map<string, string>} names  of users, what each is called
 * @returns {{marks: Map<string, [string, string]>, unsure: Set<string>}} `unsure`: of whom nothing is said here
 */
export function oddNames(names) {
  const [marks, unsure, alike] = [new Map(), new Set(), new Map()];
  for (const [user, name] of names) {
    const looks = lookalike(name);
    if (!alike.has(looks)) alike.set(looks, []);
    alike.get(looks).push(user);
  }
  for (const users of alike.values()) {
    if (!users.every((user) => SETTLED.test(names.get(user)))) for (const user of users) unsure.add(user);
    if (users.length === 1) continue;
    for (const user of users) {
      const other = inOrder(users.map((one) => names.get(one)).filter((name) => name !== names.get(user)))[0];
      if (other !== undefined) marks.set(user, ["looks like another", `This name is easily taken for “${[...other].slice(0, 80).join("")}”.`]);
      else marks.set(user, [user.slice(0, 4), `${users.length} people have this name; this is the one whose id begins so.`]);
    }
  }
  for (const [user, name] of names) {
    if (HIDDEN.test(name)) marks.set(user, ["hidden letters", "This name holds letters that nobody sees or that turn its direction."]);
    else if (ALPHABETS.filter((alphabet) => alphabet.test(name)).length > 1) marks.set(user, ["mixed alphabets", "The letters of this name are of several alphabets that look alike."]);
  }
  return { marks, unsure };
}
