// SHA-256 (FIPS 180-4), written for many short inputs: no object an input but its hash, no view, no copy.
//
// A browser takes four times as long for noble's, and twice as long to be asked through WebCrypto; the tests hold this one
// to both. Only SHA-256 is written here: curves, Keccak and SHA-1 are noble's.

// The first 32 bits of the fractional parts: of the square roots of the first 8 primes, of the cube roots of the first 64.
const START = new Int32Array(8);
const ROUND = new Int32Array(64);
for (let number = 2, found = 0; found < 64; number += 1) {
  let prime = true;
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) prime &&= number % divisor !== 0;
  if (!prime) continue;
  if (found < 8) START[found] = (Math.sqrt(number) % 1) * 2 ** 32;
  ROUND[found] = (Math.cbrt(number) % 1) * 2 ** 32;
  found += 1;
}

const state = new Int32Array(8);
const words = new Int32Array(64);
const tail = new Uint8Array(128);

// The two large functions of a round (section 4.1.2), which engines write in place: more of them they would call.
const sum1 = (e) => ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
const sum0 = (a) => ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));

function compress(bytes, at) {
  for (let index = 0; index < 16; index += 1, at += 4)
    words[index] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  for (let index = 16; index < 64; index += 1) {
    const x = words[index - 15];
    const y = words[index - 2];
    const low = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const high = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    words[index] = (words[index - 16] + low + words[index - 7] + high) | 0;
  }
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  // Eight rounds a turn: after them each letter holds what it held before, and nothing is moved between them.
  for (let index = 0; index < 64; index += 8) {
    h = (h + sum1(e) + (g ^ (e & (f ^ g))) + ROUND[index] + words[index]) | 0;
    d = (d + h) | 0;
    h = (h + sum0(a) + ((a & b) | (c & (a | b)))) | 0;
    g = (g + sum1(d) + (f ^ (d & (e ^ f))) + ROUND[index + 1] + words[index + 1]) | 0;
    c = (c + g) | 0;
    g = (g + sum0(h) + ((h & a) | (b & (h | a)))) | 0;
    f = (f + sum1(c) + (e ^ (c & (d ^ e))) + ROUND[index + 2] + words[index + 2]) | 0;
    b = (b + f) | 0;
    f = (f + sum0(g) + ((g & h) | (a & (g | h)))) | 0;
    e = (e + sum1(b) + (d ^ (b & (c ^ d))) + ROUND[index + 3] + words[index + 3]) | 0;
    a = (a + e) | 0;
    e = (e + sum0(f) + ((f & g) | (h & (f | g)))) | 0;
    d = (d + sum1(a) + (c ^ (a & (b ^ c))) + ROUND[index + 4] + words[index + 4]) | 0;
    h = (h + d) | 0;
    d = (d + sum0(e) + ((e & f) | (g & (e | f)))) | 0;
    c = (c + sum1(h) + (b ^ (h & (a ^ b))) + ROUND[index + 5] + words[index + 5]) | 0;
    g = (g + c) | 0;
    c = (c + sum0(d) + ((d & e) | (f & (d | e)))) | 0;
    b = (b + sum1(g) + (a ^ (g & (h ^ a))) + ROUND[index + 6] + words[index + 6]) | 0;
    f = (f + b) | 0;
    b = (b + sum0(c) + ((c & d) | (e & (c | d)))) | 0;
    a = (a + sum1(f) + (h ^ (f & (g ^ h))) + ROUND[index + 7] + words[index + 7]) | 0;
    e = (e + a) | 0;
    a = (a + sum0(b) + ((b & c) | (d & (b | c)))) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

/** The 32 bytes of SHA-256 of the first `length` of `bytes`, written to `out` at `at`; gives `out`. */
export function sha256(bytes, out = new Uint8Array(32), at = 0, length = bytes.length) {
  state.set(START);
  const whole = length - (length % 64);
  for (let begin = 0; begin < whole; begin += 64) compress(bytes, begin);
  const rest = length - whole;
  const end = rest < 56 ? 64 : 128;
  tail.fill(0, 0, end);
  for (let index = 0; index < rest; index += 1) tail[index] = bytes[whole + index];
  tail[rest] = 0x80;
  for (let index = 1, bits = length * 8; bits > 0; index += 1, bits = Math.floor(bits / 256)) tail[end - index] = bits % 256;
  compress(tail, 0);
  if (end === 128) compress(tail, 64);
  for (let index = 0; index < 32; index += 1) out[at + index] = state[index >> 2] >>> (24 - 8 * (index & 3));
  return out;
}
