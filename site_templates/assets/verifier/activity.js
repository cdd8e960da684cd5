// The activity log: every line's form, place and payload hash, and the Merkle root over all lines.
import { bytesOf, hex, sha256Hex } from "./bytes.js";
import { decode, isTorn, lineSpans } from "./canonical.js";
import { Refusal } from "./errors.js";
import { leafHash, rootOfHashes } from "./merkle.js";
import { ActivityEvent, read } from "./records.js";

const MOST_FINDINGS = 100;
const STEP = 4000; // lines between two reports of progress

/** SHA-256 of the canonical object of exactly the payload's seven fields; metadata keys stand in order already. */
export function payloadHash(event) {
  const { artifact_url, event_time, event_type, id, metadata, platform_user_id, source } = event;
  return sha256Hex(bytesOf(JSON.stringify({ artifact_url, event_time, event_type, id, metadata, platform_user_id, source })));
}

/** Everything that is wrong with one event of an epoch's log: `[rule, message, expected, actual]`. */
function* wrongsOf(event, epoch) {
  if (event.node_id !== epoch.node_id) yield ["NODE_SCOPED", "record of another node", epoch.node_id, event.node_id];
  if (event.scope_id !== epoch.scope_id) yield ["SCOPE_SCOPED", "record of another scope", epoch.scope_id, event.scope_id];
  if (event.event_time >= epoch.period_end)
    yield ["EPOCH_WINDOW_UNIQUE", "the event belongs to a later window", `before ${epoch.period_end}`, event.event_time];
  const right = payloadHash(event);
  if (right !== event.payload_hash) yield ["PROVENANCE_REQUIRED", "wrong payload hash", right, event.payload_hash];
}

/**
 * Read the whole log.
 * @param {{name: string, path: string, data: Uint8Array}[]} shards  in order
 * @param {(done: number) => void} progress  lines so far
 * @returns findings; `readable`: whether every line is a record; `events` in short form; `root` in hex
 */
export function scanActivity(shards, epoch, progress) {
  const findings = [];
  const leaves = [];
  const events = [];
  const firsts = new Map();
  let readable = true;
  let left = MOST_FINDINGS;
  const tell = (rule, message, path, line, expected = null, actual = null) => {
    if (left > 0) findings.push({ rule, message, path, line, expected, actual });
    if (left === 1) findings.push({ rule, message: "more lines are wrong; these are the first", path, line: null, expected: null, actual: null });
    left -= 1;
  };
  for (const { name, path, data } of shards) {
    let line = 0;
    for (const [begin, end] of lineSpans(data)) {
      line += 1;
      const raw = data.subarray(begin, end);
      leaves.push(leafHash(raw));
      if (leaves.length % STEP === 0) progress(leaves.length);
      if (end === data.length && isTorn(data)) {
        readable = false;
        tell("PROVENANCE_REQUIRED", "last line has no line end (torn write?)", path, line);
        continue;
      }
      let event;
      try {
        event = read(ActivityEvent, decode(raw));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        readable = false;
        tell("PROVENANCE_REQUIRED", error.message, path, line);
        continue;
      }
      for (const [rule, message, expected, actual] of wrongsOf(event, epoch)) tell(rule, message, path, line, expected, actual);
      const first = firsts.get(event.id);
      if (first) tell("ACTIVITY_IDEMPOTENT", `event ${event.id} is in the log twice; first at ${first.path}:${first.line}`, path, line);
      const kept = {
        account: event.platform_user_id,
        id: event.id,
        ingestedAt: event.ingested_at,
        line,
        login: event.platform_login,
        path,
        shard: name,
        source: event.source,
        time: event.event_time,
        title: typeof event.metadata.title === "string" ? event.metadata.title : "",
        type: event.event_type,
      };
      if (!first) firsts.set(event.id, kept);
      events.push(kept);
    }
  }
  progress(leaves.length);
  return { findings, readable, events, count: leaves.length, root: hex(rootOfHashes(leaves)) };
}
