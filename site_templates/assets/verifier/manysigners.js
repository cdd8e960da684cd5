// Which of many signatures are by the wallets that they should be: all of them at once, in a fifth of the time.
//
// That the point R of a signature (r, s, v) over the digest h is (h/s)·G + (r/s)·P says the same as that the key P is
// recovered from it. The multiples of G and P lie in tables, so that a signature is a sum of some 70 of their points; the
// sums go on side by side, for then a step of all of them needs one inversion. What is not confirmed here is not refused:
// it is recovered by itself (signatures.js), which tells what is wrong with it.
import { secp256k1 } from "../vendor/noble.js";

const { Point } = secp256k1;
const { Fn, Fp } = Point;
const WIDTH = 7; // bits of a scalar that one point of a table stands for
const HALF = 2 ** (WIDTH - 1);
const WINDOWS = Math.ceil(Fn.BITS / WIDTH) + 1; // one more for the last carry
const GIVEN_UP = Symbol("a sum that met its own point");

/** The inverses of `values`, none of which is 0. */
function invertAll(field, values) {
  const before = [];
  let product = 1n;
  for (const value of values) {
    before.push(product);
    product = (product * value) % field.ORDER;
  }
  let inverse = field.inv(field.create(product));
  const found = new Array(values.length);
  for (let index = values.length - 1; index >= 0; index -= 1) {
    found[index] = (inverse * before[index]) % field.ORDER;
    inverse = (inverse * values[index]) % field.ORDER;
  }
  return found;
}

/** Adds to each sum its point `[x, y]`, where there is one. Coordinates may be negative, as `%` leaves them. */
function addAll(sums, points) {
  const open = [];
  const steps = [];
  for (const [index, point] of points.entries()) {
    const sum = sums[index];
    if (point === null || sum === GIVEN_UP) continue;
    if (sum === null) {
      sums[index] = point;
      continue;
    }
    const step = (point[0] - sum[0]) % Fp.ORDER;
    if (step === 0n) sums[index] = GIVEN_UP;
    else {
      open.push(index);
      steps.push(step);
    }
  }
  if (!open.length) return;
  const inverses = invertAll(Fp, steps);
  for (const [place, index] of open.entries()) {
    const [[x1, y1], [x2, y2]] = [sums[index], points[index]];
    const slope = ((y2 - y1) * inverses[place]) % Fp.ORDER;
    const x = (slope * slope - x1 - x2) % Fp.ORDER;
    sums[index] = [x, (slope * (x1 - x) - y1) % Fp.ORDER];
  }
}

/** The points as `[x, y]`; none of them is the point at infinity. */
function affine(points) {
  const inverses = invertAll(Fp, points.map(({ Z }) => Z));
  return points.map(({ X, Y }, index) => [X, Y].map((value) => (value * inverses[index]) % Fp.ORDER));
}

/** For each window the multiples 1 … HALF of 2^(WIDTH·window)·`point`. */
function tableOf(point) {
  const [bases, twice] = [[], []];
  for (let window = 0, base = point; window < WINDOWS; window += 1) {
    bases.push(base);
    twice.push(base.double());
    for (let bit = 0; bit < WIDTH; bit += 1) base = base.double();
  }
  const [ones, sums] = [affine(bases), affine(twice)];
  const rows = ones.map((one, window) => [one, sums[window]]);
  while (rows[0].length < HALF) {
    addAll(sums, ones);
    for (const [window, row] of rows.entries()) row.push(sums[window]);
  }
  return rows;
}

/** The signed digits of a scalar, the lowest first. */
function digitsOf(scalar) {
  const digits = [];
  for (let window = 0, rest = scalar; window < WINDOWS; window += 1) {
    let digit = Number(BigInt.asUintN(WIDTH, rest));
    rest >>= BigInt(WIDTH);
    if (digit > HALF) {
      digit -= 2 * HALF;
      rest += 1n;
    }
    digits.push(digit);
  }
  return digits;
}

const pointOf = (row, digit) => (digit === 0 ? null : digit > 0 ? row[digit - 1] : [row[-digit - 1][0], -row[-digit - 1][1]]);

/**
 * Of each signature whether it is certainly by its key.
 * @param signed  `{ key, digest, r, s, odd }`: a point, whole numbers, and whether the y of R is odd (v 28)
 */
export function areByTheirKeys(signed) {
  const tables = new Map([...new Set(signed.map(({ key }) => key))].map((key) => [key, tableOf(key)]));
  const base = tableOf(Point.BASE);
  const inverses = invertAll(Fn, signed.map(({ s }) => s));
  const digits = signed.map(({ digest, r }, index) => [digest, r].map((factor) => digitsOf((factor * inverses[index]) % Fn.ORDER)));
  const sums = new Array(signed.length).fill(null);
  for (let window = 0; window < WINDOWS; window += 1) {
    addAll(sums, digits.map(([one]) => pointOf(base[window], one[window])));
    addAll(sums, digits.map(([, two], index) => pointOf(tables.get(signed[index].key)[window], two[window])));
  }
  return signed.map(({ r, odd }, index) => {
    if (sums[index] === null || sums[index] === GIVEN_UP) return false;
    const [x, y] = sums[index].map((value) => Fp.create(value));
    return x === r && ((y & 1n) === 1n) === odd;
  });
}
