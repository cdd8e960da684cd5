// The trial of other weights: <div data-whatif data-scope data-epoch data-base>. See README.md for the contract.
import { spamFile, weightFile } from "../verifier/whatif.js";
import { placeOf, Verifier } from "./client.js";
import { number, share, units } from "../verifier/words.js";
import { markOf, oddNames } from "./marks.js";
import { button, copyable, counted, make, named, outside, Progress, table } from "./dom.js";

const SHOWN = 100; // events listed at a time
const MOST_ROWS = 300; // people in the table; of more, those whom the trial moves most
const WHOLE = /^(0|[1-9][0-9]{0,15})$/;
let serial = 0;

/** What is wrong with a text that is no whole number, and what was likely meant. */
function advice(text, empty) {
  const parts = /^([0-9]{1,12})[.,]([0-9]{1,3})$/.exec(text);
  const meant = parts ? ` ${text} units are ${BigInt(parts[1] + parts[2].padEnd(3, "0"))}.` : "";
  return `Only whole numbers${empty ? ", or nothing" : ""} up to 2^53 − 1: 1000 milli-units are one unit.${meant} The table below is still the last trial.`;
}

/** A labelled number field that holds a whole number or, with `empty`, nothing. */
function numberField(label, value, changed, empty = false) {
  const id = `ledger-trial-${(serial += 1)}`;
  const said = make("span", { id: `${id}-said`, role: "status", class: "bad" });
  const field = make("input", { id, inputmode: "numeric", autocomplete: "off", size: "8", value: value ?? "", "aria-describedby": said.id, input: () => {
    const text = field.value.trim();
    const right = (WHOLE.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER) || (empty && text === "");
    field.setAttribute("aria-invalid", String(!right));
    said.textContent = right ? "" : advice(text, empty);
    if (right) changed(text === "" ? null : Number(text));
  } });
  return make("p", { class: "ledger-field" }, make("label", { for: id }, label), field, said);
}

const signed = (text) => (text.startsWith("-") ? `-${number(text.slice(1))}` : text === "0" ? text : `+${number(text)}`);

const size = (text) => BigInt(text.replace("-", ""));
const descending = (figure) => (a, b) => (figure(b) > figure(a) ? 1 : figure(b) < figure(a) ? -1 : 0);

/** The people to show, by their official credits: rows do not jump while somebody types. */
function shownRows(rows) {
  const most = [...rows].sort(descending((row) => size(row.difference))).slice(0, MOST_ROWS);
  return most.sort(descending((row) => BigInt(row.official)));
}

class Trial {
  constructor(element, verifier, summary, odd) {
    this.odd = odd;
    this.caption = `Trial: who would get what in epoch ${element.dataset.epoch} of ${element.dataset.scope}`;
    this.verifier = verifier;
    this.summary = summary;
    this.asked = 0;
    this.said = make("p", { role: "status", "aria-live": "polite", class: "notice" });
    this.payouts = make("div", { class: "ledger-trial" });
    this.file = make("div");
    this.list = make("ul", { class: "ledger-events" });
    this.form = make("form", { class: "ledger-form", submit: (event) => event.preventDefault() });
    element.append(this.form, this.said, this.payouts, this.file);
    this.reset();
  }

  /** Back to the epoch as it is. */
  reset() {
    this.change = { weights: {}, included: {}, cap: null, spam: null };
    const weights = this.summary.kinds.map(({ kind, count, weight }) =>
      numberField(`${kind} (${counted(count, "event")}), milli-units each`, weight ?? 0, (value) => { this.change.weights[kind] = value; this.update(); }));
    const search = make("input", { type: "search", "aria-label": "Find events by title, person, kind or id", placeholder: "Find events…", input: () => this.find(search.value) });
    this.form.replaceChildren(
      make("fieldset", {}, make("legend", {}, "Weights"), ...weights),
      make("fieldset", {}, make("legend", {}, "Cap"),
        numberField("At most so many events count for a person (empty: no cap)", null, (value) => { this.change.cap = value; this.update(); }, true)),
      ...this.spamPart(),
      make("fieldset", {}, make("legend", {}, "Events that count"), search, this.list),
      button("Back to the official figures", () => this.reset()));
    this.find("");
    this.update();
  }

  /** The limits of the scope's anti-spam rules, where it has any. */
  spamPart() {
    const rules = this.summary.spam;
    if (rules.length === 0) return [];
    const limit = (index, name, words) => {
      const { source, event_types: types } = rules[index];
      const label = `${source}${types.length ? ` ${types.join(", ")}` : ""}: ${words} (empty: no limit)`;
      return numberField(label, rules[index][name], (value) => {
        this.change.spam = (this.change.spam ?? rules).map((rule, at) => (at === index ? { ...rule, [name]: value } : rule));
        if (JSON.stringify(this.change.spam) === JSON.stringify(rules)) this.change.spam = null;
        this.update();
      }, true);
    };
    return [make("fieldset", {}, make("legend", {}, "Anti-spam rules"), ...rules.flatMap((_, index) => [
      limit(index, "most_per_day", "at most so many from one account in one channel on one day"),
      limit(index, "least_length", "characters at least"),
    ]))];
  }

  async find(query) {
    const asked = (this.finding = {});
    const events = await this.verifier.ask("events", { query, limit: SHOWN });
    if (asked !== this.finding) return;
    const items = events.map((event) => {
      const box = make("input", { type: "checkbox", change: () => {
        if (box.checked === event.included) delete this.change.included[event.id];
        else this.change.included[event.id] = box.checked;
        this.update();
      } });
      box.checked = this.change.included[event.id] ?? event.included;
      return make("li", {}, make("label", {}, box, " ", outside(event.title || event.id), " ",
        make("span", { class: "quiet" }, `${event.kind}, `, outside(event.name ?? "nobody yet"), `, ${event.path}:${event.line}`)));
    });
    if (events.length === SHOWN) items.push(make("li", { class: "quiet" }, `The first ${SHOWN}; search for others.`));
    this.list.replaceChildren(...items);
  }

  async update() {
    const asked = (this.asked += 1);
    try {
      const found = await this.verifier.ask("try", { change: this.change });
      if (asked === this.asked) this.show(found);
    } catch (error) {
      if (asked === this.asked) this.said.textContent = `This trial has no result: ${error.message}`;
    }
  }

  show({ rows, undistributed, held, unresolved, weights }) {
    const tried = Object.keys(this.change.included).length + (this.change.cap === null ? 0 : 1) + (this.change.spam === null ? 0 : 1)
      + this.summary.kinds.filter(({ kind, weight }) => (this.change.weights[kind] ?? weight ?? 0) !== (weight ?? 0)).length;
    const moved = rows.filter((row) => row.difference !== "0").length;
    this.said.textContent = `TRIAL, computed in this browser, counts for nothing. ${tried ? `${tried === 1 ? "1 change moves" : `${tried} changes move`} ${moved} of ${rows.length} people.` : "Nothing is changed yet: these are the official figures."}`
      + ` Undistributed: ${counted(undistributed, "credit")}.${held === "0" ? "" : ` Held: ${counted(held, "credit")}.`} Of nobody yet: ${counted(unresolved, "event")}.`;
    this.payouts.replaceChildren(table(this.caption,
      [["Who"], ["Units", "num"], ["Share", "num"], ["Credits in the trial", "num"], ["Official", "num"], ["Difference", "num"]],
      shownRows(rows).map((row) => [
        make("span", { title: row.user_id }, named(row.name), " ", markOf(this.odd, row.user_id), row.decided ? make("span", { class: "quiet" }, " (units set by decision)") : null),
        units(row.units), share(row.share), number(row.credits), number(row.official), signed(row.difference),
      ])), rows.length > MOST_ROWS ? make("p", { class: "quiet" }, `The ${MOST_ROWS} of ${rows.length} people whom the trial moves most.`) : "");
    const kept = Object.fromEntries(Object.entries(weights).filter(([kind, weight]) => weight !== 0 || this.summary.kinds.some((one) => one.kind === kind && one.weight !== null)));
    this.file.replaceChildren(make("p", {}, "The weights as a file for a pull request (", make("code", {}, this.summary.weight_policy), "); they would hold for epochs opened after it is merged:"),
      copyable(weightFile(this.summary.algorithm, kept), "Copy as weight file", null),
      ...(this.change.spam === null ? [] : [make("p", {}, "The anti-spam rules, for the scope's own file; they hold for every epoch that is not yet in review:"),
        copyable(spamFile(this.change.spam), "Copy the rules", null)]));
  }
}

/** The epoch that a trial starts from, where the page offers several: sets `data-epoch`. */
function epochChoice(element) {
  const epochs = (element.dataset.epochs ?? "").split(" ").filter(Boolean);
  if (epochs.length < 2) return [];
  const id = `ledger-trial-${(serial += 1)}`;
  const choice = make("select", { id, change: () => { element.dataset.epoch = choice.value; } }, ...epochs.map((epoch) => make("option", { value: epoch }, epoch)));
  return [make("p", { class: "ledger-field" }, make("label", { for: id }, "Epoch to try on"), choice)];
}

export function attachWhatIf(element) {
  const progress = new Progress();
  const choice = epochChoice(element);
  const start = button("Try other weights", async () => {
    if (start.getAttribute("aria-disabled") === "true") return;
    start.setAttribute("aria-disabled", "true");
    const verifier = new Verifier();
    try {
      const [summary, odd] = await Promise.all([verifier.ask("prepare", placeOf(element), (stage) => progress.show(stage)), oddNames(placeOf(element).base)]);
      progress.say(summary.ok ? "" : "Warning: this epoch does not recompute; recheck it to see why.", summary.ok ? "" : "notice bad");
      start.remove();
      for (const one of choice) one.remove();
      new Trial(element, verifier, summary, odd);
      element.dataset.ready = "";
    } catch (error) {
      verifier.end();
      start.removeAttribute("aria-disabled");
      progress.say(`The trial could not start: ${error.message}`, "notice bad");
    }
  });
  element.append(...choice, start, progress.element);
}

document.querySelectorAll("[data-whatif]").forEach(attachWhatIf);
