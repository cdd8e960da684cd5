// A copy button behind each hash and address: what is seen of them is cut, what is copied is whole.
import { make } from "./dom.js";

for (const hash of document.querySelectorAll(".ledger .hash")) {
  const text = hash.textContent;
  const copy = make("button", { type: "button", class: "ledger-copyhash", "aria-label": `Copy ${text.slice(0, 10)}…`, click: async () => {
    try {
      await navigator.clipboard.writeText(text);
      copy.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(hash);
      copy.textContent = "press Ctrl+C";
    }
  } }, "copy");
  hash.title = text;
  hash.after(copy);
}
