// A site that is opened from a file, without a server: links lead to files, and what does not work there says so.
"use strict";

if (location.protocol === "file:") {
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || link.protocol !== "file:" || !link.pathname.endsWith("/")) return;
    event.preventDefault();
    location.href = `${link.pathname}index.html${link.hash}`; // else the reader lands in a list of files
  });
  const note = document.createElement("p");
  note.className = "notice";
  note.textContent = "This page was opened from a file. Reading works; searching, rechecking, trying and signing need the site to be served: run “python3 -m http.server” in its folder, or “ledger site serve”.";
  document.querySelector(".ledger")?.prepend(note);
}
