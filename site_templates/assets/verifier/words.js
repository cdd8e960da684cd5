// Figures as people read them, from raw values: what the page's own builder writes, written a second time.

export const STATES = { open: "open", review: "in review, not signed off", finalized: "finalized" };

/** A whole number with its thousands apart: 1057737 is `1,057,737`. */
export const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** Milli-units as units, thousands apart. */
export function units(milli) {
  const digits = String(milli).padStart(4, "0");
  return `${number(digits.slice(0, -3))}.${digits.slice(-3)}`;
}

/** A share in percent, cut after two digits: `0.547619` is `54.76 %`. */
export function share(text) {
  const [whole, part] = text.split(".");
  return `${Number(whole + part.slice(0, 2))}.${part.slice(2, 4)} %`;
}

/** A time to the minute. */
export const day = (time) => `${time.slice(0, 10)} ${time.slice(11, 16)}`;

/** A text cut where it has no end. */
export function short(text) {
  const points = [...text];
  return points.length > 80 ? `${points.slice(0, 80).join("")}…` : text;
}

/** What a kind of event is called; `names`: the published table of names. */
export const kindWords = (kind, names) => (Object.hasOwn(names, kind) && names[kind]) || kind.slice(kind.lastIndexOf(":") + 1).replaceAll("_", " ");

/** The inputs of a pool rule, or of anything that is flat: `: amount credits 10000, windows 1`. */
export const inputsWords = (inputs) => Object.entries(inputs ?? {})
  .map(([name, value], index) => `${index ? ", " : ": "}${name.replaceAll("_", " ")} ${short(value === null ? "none" : value === true ? "True" : value === false ? "False" : String(value))}`).join("");
