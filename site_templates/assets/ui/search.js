// The search of the site: words are looked up in small files by their prefix, and only what is shown is fetched.
import { make, outside } from "./dom.js";

const SHOWN = 10; // results at once, and more with each press of the button
const MOST_SHARDS = 4; // of one word that is not typed to its end
const KINDS = { person: "person", account: "unclaimed account", epoch: "epoch", event: "event", page: "page", receipt: "receipt", distribution: "distribution" };
const collapse = (text) => text.normalize("NFKD").replace(/[\p{M}\p{Cf}]/gu, "").toLowerCase();
const counted = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

/** The words of a text, as `words_of` of the builder takes them. */
export const wordsOf = (text, longest) => (collapse(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => [...word].slice(0, longest).join(""));

/** Rising numbers from their differences. */
function unpacked(text) {
  let last = 0;
  return text.replace(/^~/, "").split(".").map((part) => (last += Number.parseInt(part, 36)));
}

export class Index {
  #answers = new Map();

  constructor(base) {
    this.base = base;
  }

  #json(path) {
    if (!this.#answers.has(path)) {
      const asked = fetch(new URL(path, this.base), { credentials: "omit", redirect: "error" }).then((answer) => {
        if (!answer.ok) throw new Error(`${path} is answered with status ${answer.status}`);
        return answer.json();
      });
      asked.catch(() => this.#answers.delete(path));
      this.#answers.set(path, asked);
    }
    return this.#answers.get(path);
  }

  /** What a word finds: each result's number with 2 for the very word and 1 for its beginning; `narrows`: all of them. */
  async #word(word, first) {
    let shard = first.findLastIndex((one) => one <= word);
    if (shard < 0) shard = 0;
    const found = new Map();
    let narrows = true;
    for (let read = 0; shard < first.length && (first[shard] <= word || first[shard].startsWith(word)); read += 1, shard += 1) {
      if (read === MOST_SHARDS) return { found, narrows: false };
      for (const [known, packed] of await this.#json(`words/${shard}.json`)) {
        if (!known.startsWith(word)) continue;
        if (packed.startsWith("~")) narrows = false;
        const weight = known === word ? 2 : 1;
        for (const number of unpacked(packed)) found.set(number, Math.max(found.get(number) ?? 0, weight));
      }
    }
    return { found, narrows };
  }

  /** The numbers of what all words find, the best first; `whole`: whether there can be no more. */
  async find(text) {
    const { first, longest } = await this.#json("index.json");
    const words = [...new Set(wordsOf(text, longest))];
    const answers = await Promise.all(words.map((word) => this.#word(word, first)));
    if (!answers.length) return { numbers: [], whole: true };
    const narrowing = answers.filter((one) => one.narrows);
    const [start, ...others] = (narrowing.length ? narrowing : answers).toSorted((a, b) => a.found.size - b.found.size);
    const numbers = [...start.found.keys()].filter((number) => others.every((one) => one.found.has(number)));
    const weight = new Map(numbers.map((number) => [number, answers.reduce((sum, one) => sum + (one.found.get(number) ?? 0), 0)]));
    return { numbers: numbers.sort((a, b) => weight.get(b) - weight.get(a) || a - b), whole: answers.every((one) => one.narrows) };
  }

  /** What the results of these numbers show. */
  async show(numbers) {
    const { chunk } = await this.#json("index.json");
    return Promise.all(numbers.map(async (number) => (await this.#json(`found/${Math.floor(number / chunk)}.json`))[number % chunk]));
  }
}

function item([kind, title, path, detail], top) {
  return make("li", {},
    make("a", { href: top + path }, outside(title)), " ", make("span", { class: "badge kind" }, KINDS[kind] ?? kind),
    ...(detail ? [make("br"), outside(detail, { class: "quiet" })] : []));
}

class Search {
  #last = 0;

  constructor(place) {
    this.top = place.dataset.top;
    this.index = new Index(new URL(`${this.top}search/`, location.href));
    this.field = make("input", { type: "search", class: "find", id: "search-field", autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
    this.said = make("p", { role: "status", class: "quiet" });
    this.list = make("ol", { class: "results" });
    this.more = make("button", { type: "button", class: "plainbutton", hidden: true }, "Show more");
    place.append(make("label", { for: "search-field" }, "A name, an account, what was done, an epoch, a hash"), this.field, this.said, this.list, this.more);
    this.field.addEventListener("input", () => this.ask());
    this.more.addEventListener("click", () => this.next());
    this.field.value = new URLSearchParams(location.search).get("q") ?? "";
    this.field.focus();
    if (this.field.value) this.ask();
  }

  async ask() {
    const text = this.field.value.trim();
    const mine = (this.#last += 1);
    const query = text ? `?q=${encodeURIComponent(text)}` : location.pathname;
    try { history.replaceState(history.state, "", query); } catch { /* a page opened from a file */ }
    if (wordsOf(text, 99).every((word) => word.length < 2)) return this.tell([], text ? "Two letters at least." : "");
    try {
      const { numbers, whole } = await this.index.find(text);
      if (mine !== this.#last) return;
      const count = numbers.length ? `${counted(numbers.length)}${whole ? "" : " or more"} found.` : "Nothing is like that.";
      const hint = numbers.length || !whole ? "" : " An account that did nothing which was recorded here is not listed.";
      this.tell(numbers, count + hint);
      await this.next(mine);
    } catch (error) {
      if (mine === this.#last) this.tell([], `The search could not be loaded: ${error.message}`);
    }
  }

  tell(numbers, text) {
    this.left = numbers;
    this.said.textContent = text;
    this.list.replaceChildren();
    this.more.hidden = true;
  }

  async next(mine = this.#last) {
    const part = this.left.slice(0, SHOWN);
    const shown = await this.index.show(part);
    if (mine !== this.#last) return;
    this.left = this.left.slice(SHOWN);
    this.list.append(...shown.map((one) => item(one, this.top)));
    this.more.hidden = !this.left.length;
  }
}

for (const place of document.querySelectorAll("[data-search]")) new Search(place);
