// What Lighthouse says of the performance of pages, one line of JSON a page, as its own command measures a phone.
// node lighthouse.mjs NODE_MODULES CHROMIUM ADDRESS…
const [tools, chromePath, ...addresses] = process.argv.slice(2);
const { default: lighthouse } = await import(`${tools}/lighthouse/core/index.js`);
const { launch } = await import(`${tools}/chrome-launcher/dist/index.js`);

const chrome = await launch({ chromePath, chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"], logLevel: "silent" });
try {
  for (const address of addresses) {
    const { lhr } = await lighthouse(address, { port: chrome.port, onlyCategories: ["performance"], logLevel: "silent" });
    if (lhr.runtimeError) throw new Error(`${address}: ${lhr.runtimeError.message}`);
    const value = (name) => lhr.audits[name].numericValue;
    const requests = lhr.audits["network-requests"].details.items.map(({ url }) => url);
    console.log(JSON.stringify({
      score: Math.round(lhr.categories.performance.score * 100),
      first: value("first-contentful-paint"),
      largest: value("largest-contentful-paint"),
      blocked: value("total-blocking-time"),
      shift: value("cumulative-layout-shift"),
      bytes: value("total-byte-weight"),
      elements: value("dom-size"),
      blocking: lhr.audits["render-blocking-resources"].details?.items.map(({ url }) => url) ?? [],
      foreign: requests.filter((url) => /^https?:/.test(url) && new URL(url).origin !== new URL(address).origin),
      asked: requests.length,
    }));
  }
} finally {
  await chrome.kill();
}
