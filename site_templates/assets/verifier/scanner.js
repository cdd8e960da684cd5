// A helper of the verifier, in a module worker of its own: scans parts of a log, and loads nothing that this does not need.
//
// In:  {part, epoch}, as `scanPart` takes them. Out: {result} or {error}.
import { scanPart } from "./activity.js";

self.addEventListener("message", ({ data: { part, epoch } }) => {
  try {
    const result = scanPart(part, epoch);
    const moved = [result.leaves, result.lines, ...Object.values(result.columns)].map((bytes) => bytes.buffer);
    self.postMessage({ result }, moved);
  } catch (error) {
    self.postMessage({ error: error.message });
  }
});
