// One line of the activity log, whatever its look. Most have one look, and are not read like this (plainline.js).
import { decode } from "./canonical.js";
import { ActivityEvent, read } from "./records.js";

/** The canonical text that a payload hash is taken over: exactly eight of the event's fields. */
export function payloadOf({ artifact_url, event_time, event_type, id, metadata, platform_user_id, quantity, source }) {
  return JSON.stringify({ artifact_url, event_time, event_type, id, metadata, platform_user_id, quantity, source });
}

/** The event of one line (bytes without the line end) and its payload's canonical text; Refusal for anything else. */
export function readEvent(raw) {
  const event = read(ActivityEvent, decode(raw));
  return { event, payload: payloadOf(event) };
}
