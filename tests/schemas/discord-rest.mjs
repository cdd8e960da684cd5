// Makes discord-rest.json from npm's discord-api-spec, which is Discord's OpenAPI description as zod schemas; no test
// runs this. `npm install discord-api-spec@10.0.266135 zod@4.6.7 && node discord-rest.mjs > discord-rest.json`
import { z } from "zod";
import * as described from "discord-api-spec/zod";

const ANSWERS = [
  "GuildChannelResponse", "GuildMemberResponse", "GuildWithCountsResponse", "MessageResponse",
  "PrivateApplicationResponse", "ThreadsResponse", "UserPIIResponse",
];

// zod's own pattern of a time knows no offset but Z, while Discord writes +00:00.
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.keys(value).sort().filter(
    (key) => key !== "$schema" && !(key === "pattern" && value.format === "date-time") &&
      !(key === "id" && typeof value.id === "string"),
  );
  return Object.fromEntries(kept.map((key) => [key, plain(value[key])]));
}

const made = Object.fromEntries(
  ANSWERS.map((name) => [name, plain(z.toJSONSchema(described[`${name}Schema`], { unrepresentable: "any", reused: "ref" }))]),
);
process.stdout.write(JSON.stringify(made, null, 1) + "\n");
