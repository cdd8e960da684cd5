// Recheck published files with nothing but Node: node cli.mjs FOLDER [SCOPE [EPOCH]]
//
// FOLDER is a copy of api/v1/ledger/ of a site. Prints one JSON report for each epoch; ends with 1 when anything differs,
// with 3 when something cannot be read.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { checkEpoch } from "./check.js";
import { loadEpoch } from "./load.js";

const [root, onlyScope, onlyEpoch] = process.argv.slice(2);
if (!root) {
  console.error("usage: node cli.mjs FOLDER [SCOPE [EPOCH]]");
  process.exit(2);
}

async function read(name) {
  try {
    return new Uint8Array(await readFile(path.join(root, name)));
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

try {
  const { epochs } = JSON.parse(await readFile(path.join(root, "epochs.json"), "utf8"));
  for (const { scope_id, epoch_id } of epochs) {
    if ((onlyScope && onlyScope !== scope_id) || (onlyEpoch && Number(onlyEpoch) !== epoch_id)) continue;
    const { report } = await checkEpoch(await loadEpoch(read, scope_id, epoch_id, () => {}));
    console.log(JSON.stringify(report));
    if (!report.ok) process.exitCode = 1;
  }
} catch (error) {
  console.error(error.message);
  process.exitCode = 3;
}
