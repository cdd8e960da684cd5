// The one script that pages load: brings each tool only where the page has a place for it.
if (document.querySelector("[data-recheck]")) import("./recheck.js");
if (document.querySelector("[data-recheck-all]")) import("./recheckall.js");
if (document.querySelector("[data-whatif]")) import("./whatif.js");
if (document.querySelector("[data-sign]")) import("./sign.js");
if (document.querySelector("[data-money]")) import("./money.js");
if (document.querySelector("[data-instruct]")) import("./instruct.js");
if (document.querySelector("[data-prove]")) import("./prove.js");
if (document.querySelector("[data-vouch], [data-decide]")) import("./vouch.js");
if (document.querySelector(".ledger pre")) import("./commands.js");
if (document.querySelector("[data-range]")) import("./range.js");
if (document.querySelector("[data-search]")) import("./search.js");
if (document.querySelector(".toc")) import("./toc.js");
if (document.querySelector(".ledger .hash")) import("./hashes.js");
