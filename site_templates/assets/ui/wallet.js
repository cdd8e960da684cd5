// Wallets in this browser (EIP-1193), found by announcement (EIP-6963) or under `window.ethereum`; and what they answer.

/** Calls `found(wallet)` for each wallet `{name, provider}`, also for those that announce themselves later. */
export function discoverWallets(found) {
  const known = new Set();
  const add = (name, provider, uuid = provider) => {
    if (typeof provider?.request !== "function" || known.has(provider) || known.has(uuid)) return;
    known.add(provider).add(uuid);
    found({ name, provider });
  };
  addEventListener("eip6963:announceProvider", ({ detail }) => add(String(detail?.info?.name ?? "a wallet").slice(0, 60), detail?.provider, detail?.info?.uuid));
  dispatchEvent(new Event("eip6963:requestProvider"));
  // Wallets that announce themselves put the same provider under window.ethereum too: they were there first.
  setTimeout(() => { if (known.size === 0) add("Browser wallet", window.ethereum); }, 0);
}

const ANSWERS = {
  4001: "You refused in the wallet. Nothing was signed; ask again when you are ready.",
  4100: "The wallet has not let this page in. Unlock it, allow this site, and ask again.",
  4200: "This wallet cannot sign texts (personal_sign). Sign elsewhere and paste the signature below.",
  4900: "The wallet is disconnected. Reconnect it and ask again.",
  "-32002": "The wallet already waits for your answer: open it and finish there.",
};

/** What a wallet's error means and what to do next. */
export function walletError(error) {
  return ANSWERS[error?.code] ?? `The wallet answered with an error: ${String(error?.message ?? error).slice(0, 300)}`;
}
