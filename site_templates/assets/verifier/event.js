// One line of the activity log. Most lines are long and plain, so the common writing of one is recognised by its shape.
import { textOf } from "./bytes.js";
import { LINE_BYTES, decode, decodeText } from "./canonical.js";
import { ActivityEvent, read } from "./records.js";

const NAMES = [...ActivityEvent.names].sort();
const STRING = '"([^"\\\\\\x00-\\x1f\\x7f]*)"';
const VALUE = { metadata: "(\\{[^{}]*\\})", platform_login: `(?:null|${STRING})`, quantity: "([1-9][0-9]{0,14})" };

/**
 * A canonical line whose texts need no escape, outside of its metadata: every key once and in order, nothing between. What
 * matches is canonical if its metadata is, so it need not be parsed, written again and compared. All else takes that way.
 */
const PLAIN_LINE = new RegExp(`^\\{${NAMES.map((name) => `"${name}":${VALUE[name] ?? STRING}`).join(",")}\\}$`);

/** The canonical text that a payload hash is taken over: exactly eight of the event's fields. */
export function payloadOf({ artifact_url, event_time, event_type, id, metadata, platform_user_id, quantity, source }) {
  return JSON.stringify({ artifact_url, event_time, event_type, id, metadata, platform_user_id, quantity, source });
}

function plainEvent(raw) {
  let text;
  try {
    text = textOf(raw);
  } catch {
    return null;
  }
  const found = PLAIN_LINE.exec(text);
  const metadata = found && decodeText(found[6]);
  if (!metadata) return null;
  const [, artifact_url, event_time, event_type, id, ingested_at, written, node_id, payload_hash, login, platform_user_id,
    producer, producer_version, quantity, retrieved_at, scope_id, source] = found;
  return {
    event: {
      artifact_url, event_time, event_type, id, ingested_at, metadata, node_id, payload_hash, platform_login: login ?? null,
      platform_user_id, producer, producer_version, quantity: Number(quantity), retrieved_at, scope_id, source,
    },
    payload: `{"artifact_url":"${artifact_url}","event_time":"${event_time}","event_type":"${event_type}","id":"${id}",`
      + `"metadata":${written},"platform_user_id":"${platform_user_id}","quantity":${quantity},"source":"${source}"}`,
  };
}

/** The event of one line (bytes without the line end) and its payload's canonical text; Refusal for anything else. */
export function readEvent(raw) {
  const plain = raw.length > LINE_BYTES ? null : plainEvent(raw);
  if (plain !== null) {
    read(ActivityEvent, plain.event);
    return plain;
  }
  const event = read(ActivityEvent, decode(raw));
  return { event, payload: payloadOf(event) };
}
