// Ids that follow from names. Apart from bytes.js: what scans a log needs no SHA-1, nor the library that has it.
import { sha1 } from "../vendor/noble.js";
import { bytesOf, fromHex, hex } from "./bytes.js";

/** UUIDv5 (RFC 9562, section 5.5) of `name` in the name space `uuid`. */
export function nameUuid(uuid, name) {
  const space = fromHex(uuid.replaceAll("-", ""));
  const digest = sha1(Uint8Array.of(...space, ...bytesOf(name))).slice(0, 16);
  digest[6] = (digest[6] & 0x0f) | 0x50;
  digest[8] = (digest[8] & 0x3f) | 0x80;
  return hex(digest).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
