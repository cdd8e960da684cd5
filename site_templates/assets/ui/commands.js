// A button below each block of commands that the page was built with.
import { copyButton } from "./dom.js";

for (const field of document.querySelectorAll(".ledger pre")) field.after(...copyButton(field, "Copy"));
