// The values that records are made of. A check takes a decoded JSON value and gives null, or what is wrong with it.
import { MAX_AMOUNT } from "./payout.js";
import { checksummed } from "./signatures.js";

const PATTERN = {
  hash: "^[0-9a-f]{64}$",
  uuid: "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
  scope: "^[a-z0-9][a-z0-9-]{0,62}$",
  event: "^[!-~]{1,512}$",
  account: "^[!-~]{1,256}$",
  name: "^[a-z][a-z0-9_-]{0,62}$",
  type: "^[a-z][a-z0-9_]{0,62}$",
  award: "^[a-z0-9][a-z0-9._-]{0,62}$",
  person: "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
  share: "^(0\\.[0-9]{6}|1\\.000000)$",
  signature: "^0x[0-9a-f]{130}$",
  workItem: "^[A-Za-z0-9._/-]{1,128}$",
  version: "^[0-9A-Za-z][0-9A-Za-z.+-]{0,62}$",
  address: "^0x[0-9a-fA-F]{40}$",
  time: "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$",
};

/** What a text must look like, by the pattern that it did not match. */
const FORM = {
  [PATTERN.time]: "a time like 2026-01-05T00:00:00.000Z",
  [PATTERN.hash]: "a SHA-256: 64 digits of 0-9 and a-f",
  [PATTERN.uuid]: "a UUID in lower case, such as 2f5c3a1e-7b9d-4e8a-9c01-5d6e7f8a9b0c",
  [PATTERN.scope]: "a scope's id: a-z, 0-9 and -, at most 63 characters",
  [PATTERN.event]: "an event's id: visible ASCII characters without blanks, at most 512",
  [PATTERN.account]: "an account's id: visible ASCII characters without blanks, at most 256",
  [PATTERN.name]: "a name of a-z, 0-9, _ and - that begins with a letter",
  [PATTERN.type]: "a kind of event: a-z, 0-9 and _, beginning with a letter",
  [PATTERN.address]: "an address: 0x and 40 hex digits",
  [PATTERN.signature]: "a signature: 0x and 130 hex digits in lower case",
  [PATTERN.version]: "a version of letters, digits, and . + -",
  "^[a-z][a-z0-9_]*$": "a key of a-z, 0-9 and _ that begins with a letter",
};
export const formOf = (pattern) => FORM[pattern] ?? `of the form ${pattern}`;

export const isScope = (text) => new RegExp(PATTERN.scope).test(text);
export const isNumber = (text) => /^[1-9][0-9]{0,8}$/.test(text);
export const META_KEY = "^[a-z][a-z0-9_]*$";
export const WEIGHT_KEY = "^[a-z][a-z0-9_-]{0,62}:[a-z][a-z0-9_]*$";

/** Whether a text holds more than white space, as Unicode and Python understand it (JavaScript's own \s takes in U+FEFF). */
export const isWritten = (text) => /\P{White_Space}/u.test(text);

const string = (value) => (typeof value === "string" ? null : "must be text (in quotes, where it looks like a number)");

/** The same check, which remembers the last text that passed: in a log most fields say what the line before said. */
function remembering(check) {
  let passed;
  return (value) => {
    if (value === passed) return null;
    const wrong = check(value);
    if (wrong === null) passed = value;
    return wrong;
  };
}

function like(pattern) {
  const regex = new RegExp(pattern);
  return remembering((value) => string(value) ?? (regex.test(value) ? null : `must be ${formOf(pattern)}`));
}

function whole(least, most) {
  return (value) => {
    if (typeof value !== "number") return "must be a whole number, without quotes";
    if (value < least) return `must be at least ${least}`;
    return value > most ? `must be at most ${most}` : null;
  };
}

/** Decimal digits in quotes, 0 to 2^63-1. */
function amount(value) {
  if (typeof value !== "string") return 'amounts are written as text in quotes, for example "10000"';
  if (/^(0|[1-9][0-9]{0,18})$/.test(value) && BigInt(value) <= MAX_AMOUNT) return null;
  return `'${value.slice(0, 40)}' is not a whole number from 0 to 2^63-1 in plain decimal digits`;
}

const timePattern = like(PATTERN.time);

function time(value) {
  const wrong = timePattern(value);
  if (wrong !== null) return wrong;
  if (value.startsWith("0000")) return "year 0 is out of range";
  if (value.slice(8, 10) <= "28") return null;
  const [year, month, day] = [value.slice(0, 4), value.slice(5, 7), value.slice(8, 10)].map(Number);
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;
  return day <= days ? null : "day is out of range for month";
}

const addressPattern = like(PATTERN.address);

function wallet(value) {
  const wrong = addressPattern(value);
  if (wrong !== null) return wrong;
  const right = checksummed(value);
  return right === value ? null : `address ${value} is not written with its EIP-55 checksum (${right})`;
}

// Line ends that are not \n, and marks that are not seen or turn text around: a wallet would show another text.
const UNSEEN = /[\u0085\u00ad\u061c\u2028\u2029\ufeff\u200b-\u200f\u202a-\u202e\u2060-\u206f]/;

/** Text that stands in what a wallet shows. */
function shown(value) {
  const wrong = is.reason(value);
  if (wrong !== null) return wrong;
  const mark = UNSEEN.exec(value)?.[0];
  return mark === undefined ? null : `holds U+${mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}, which nobody sees in a wallet`;
}

export const nullable = (check) => (value) => (value === null ? null : check(value));

export function oneOf(...choices) {
  const last = `'${choices.at(-1)}'`;
  const told = choices.length > 1 ? `${choices.slice(0, -1).map((choice) => `'${choice}'`).join(", ")} or ${last}` : last;
  return (value) => (choices.includes(value) ? null : `must be ${told}`);
}

export function flatValue(value) {
  const fits = value === null || ["string", "number", "boolean"].includes(typeof value);
  return fits ? null : "must be text, a whole number within ±(2^53-1), true, false or null";
}

// Text is clean by the time it gets here: the line reader refuses control characters and every escape that could hide one.
export const is = {
  account: like(PATTERN.account),
  amount,
  award: like(PATTERN.award),
  count: whole(0, Number.MAX_SAFE_INTEGER),
  event: like(PATTERN.event),
  hash: like(PATTERN.hash),
  length: whole(1, 366),
  name: like(PATTERN.name),
  number: whole(1, 999_999_999),
  person: like(PATTERN.person),
  quantity: whole(1, Number.MAX_SAFE_INTEGER),
  reason: (value) =>
    string(value) ?? (value === "" ? "must have at least 1 characters" : isWritten(value) ? null : "must be some text that is not blank"),
  scope: like(PATTERN.scope),
  share: like(PATTERN.share),
  shown,
  signature: like(PATTERN.signature),
  text: string,
  time: remembering(time),
  truth: (value) => (typeof value === "boolean" ? null : "must be true or false"),
  type: like(PATTERN.type),
  uuid: like(PATTERN.uuid),
  version: like(PATTERN.version),
  wallet: remembering(wallet),
  workItem: like(PATTERN.workItem),
  weight: whole(0, Number.MAX_SAFE_INTEGER),
};
