// The rows of a person's page that it did not come with: epochs and months from `contributors/USER.json`, events from the
// files that it names, each only when it is wanted. `tables.js`, which comes after, asks here by the table's data-kind.
"use strict";

const STATES = { open: "open", review: "in review, not signed off", finalized: "finalized" };
const MONTHS = "January February March April May June July August September October November December".split(" ");
const AT_ONCE = 6; // files of events that are fetched side by side

const badge = (state) => element("span", { class: `badge ${state}` }, STATES[state]);
const newestFirst = (a, b) => collator.compare(b.period_start, a.period_start) || collator.compare(b.scope_id, a.scope_id) || b.epoch_id - a.epoch_id;
const inForce = (row) => BigInt(row.corrected_credits ?? row.amount_credits);

/** What the tables of a person rest on: the person, what scopes and kinds of events are called, and where the top is. */
async function told(table) {
  const path = table.dataset.rows;
  const api = path.replace(/contributors\/.*$/, "");
  const read = (name) => fetchedJson(new URL(name, location.href).href);
  const [person, { scopes }, kinds] = await Promise.all([read(path), read(`${api}scopes.json`), read(`${api}kinds.json`)]);
  const names = new Map(scopes.map((scope) => [scope.scope_id, scope.name || scope.scope_id]));
  const top = api.replace(/api\/v1\/ledger\/$/, "");
  const scopeName = (id) => names.get(id) ?? id;
  const cut = (text) => { const points = [...text]; return points.length > 80 ? `${points.slice(0, 80).join("")}…` : text; };
  const many = names.size > 1;
  return {
    api, kinds, many, person, top,
    classes: [...table.tHead.rows[0].cells].map((head) => (head.className ? { class: head.className } : {})),
    places: new Set(person.epochs.filter((row) => row.share !== null).map((row) => `${row.scope_id}/${row.epoch_id}`)),
    scope: (id) => ({ key: cut(scopeName(id)), shown: [short(scopeName(id))] }),
    epoch: (id, number) => (many ? { key: `${cut(scopeName(id))} ${number}`, shown: [short(scopeName(id)), ` ${number}`] } : { key: `Epoch ${number}`, shown: [`Epoch ${number}`] }),
    page: (id, number) => `${top}epochs/${id}/${number}/`,
  };
}

/** A row whose texts are made when somebody sorts, looks through or saves, and its cells when it is shown. */
function lazy(read, attributes = () => ({})) {
  let cells;
  let keys;
  const of = () => (cells ??= read());
  return {
    get keys() { return (keys ??= of().map(({ key }) => key)); },
    make: () => element("tr", attributes(), ...of().map(({ more, shown, key }) => element("td", more ?? {}, ...(shown ?? [key])))),
  };
}

const epochRows = (about) => about.person.epochs.filter((row) => row.share !== null).sort(newestFirst).map((row) => lazy(() => {
  const name = about.epoch(row.scope_id, row.epoch_id);
  const corrected = row.corrected_credits === null ? [] : [element("br"), element("span", { class: "quiet" }, `corrected: ${counted(row.corrected_credits)}`)];
  return [
    { key: name.key, shown: [link(about.page(row.scope_id, row.epoch_id), ...name.shown)] },
    { key: row.period_start.slice(0, 10) },
    { key: STATES[row.state], shown: [badge(row.state)] },
    { key: counted(row.activity_count) },
    { key: unitsText(row.units) },
    { key: shareText(row.share) },
    { key: counted(inForce(row)), shown: [counted(row.amount_credits), ...corrected] },
    { key: "events and sum", shown: [link(`${about.page(row.scope_id, row.epoch_id)}#why-${about.person.user_id}`, "events and sum")] },
  ].map((cell, column) => ({ more: about.classes[column], ...cell }));
}));

/** What the epochs that begin in a month came to, by scope. */
function monthRows(about) {
  const months = new Map();
  for (const row of about.person.epochs.filter((one) => one.share !== null).sort(newestFirst)) {
    const key = `${row.period_start.slice(0, 7)} ${row.scope_id}`;
    if (!months.has(key)) months.set(key, []);
    months.get(key).unshift(row);
  }
  const order = (a, b) => collator.compare(b.slice(0, 7), a.slice(0, 7)) || (a < b ? -1 : 1);
  return [...months.keys()].sort(order).map((key) => lazy(() => {
    const rows = months.get(key);
    const sum = (of, what) => of.reduce((found, row) => found + what(row), 0n);
    const scope = about.scope(rows[0].scope_id);
    const links = rows.flatMap((row, place) => [...(place ? [" "] : []), link(`${about.page(row.scope_id, row.epoch_id)}#why-${about.person.user_id}`, `${row.epoch_id}`)]);
    const texts = [
      { key: `${key.slice(0, 7)} ${MONTHS[Number(key.slice(5, 7)) - 1]}` },
      ...(about.many ? [scope] : []),
      { key: counted(sum(rows, (row) => BigInt(row.activity_count))) },
      { key: counted(sum(rows.filter((row) => row.state === "finalized"), inForce)) },
      { key: counted(sum(rows.filter((row) => row.state !== "finalized"), inForce)) },
      { key: rows.map((row) => row.epoch_id).join(" "), shown: links },
    ];
    return texts.map((cell, column) => ({ more: about.classes[column], ...cell }));
  }));
}

/** One event, from its line in the person's file. */
const eventRow = (about, text) => {
  const event = JSON.parse(text);
  const kind = `${event.source}:${event.event_type}`;
  const words = about.kinds[kind] || event.event_type.split(":").at(-1).replaceAll("_", " ");
  const name = about.epoch(event.scope_id, event.epoch_id);
  const anchor = about.places.has(`${event.scope_id}/${event.epoch_id}`) ? `why-${about.person.user_id}` : "decisions";
  const [day, time] = [event.event_time.slice(0, 10), event.event_time.slice(11, 16)];
  const late = event.late ? [" ", element("span", { class: "badge late" }, "late")] : [];
  const left = event.included ? [] : ["left out of "];
  return [
    { key: event.title ? `${event.title} ${event.id}` : event.id, shown: titled(event.artifact_url, event.title, event.id) },
    { key: words, more: { title: kind } },
    { key: `${day} ${time}${event.late ? " late" : ""}`, shown: [element("span", { class: "when" }, day), " ", element("span", { class: "when" }, time), ...late] },
    { key: event.included ? unitsText(event.milli_units) : "excluded", more: { class: "num" } },
    { key: left.join("") + name.key, shown: [...left, link(`${about.page(event.scope_id, event.epoch_id)}#${anchor}`, ...name.shown)] },
  ];
};

/** The events of a person, the last first: the rows from `from` up to `to`, from the files that hold them. */
function events(table) {
  let rows; // a hole for each that nobody has asked for
  return async (from, to, say) => {
    const about = await told(table);
    const { event_count: count, event_files: files } = about.person;
    rows ??= Array.from({ length: count });
    const wanted = [];
    let end = count;
    for (const file of files) { // the oldest first
      const start = end - file.event_count;
      if (start < to && end > from && !rows[start]) wanted.push({ ...file, end });
      end = start;
    }
    let done = 0;
    const take = async ({ path, event_count, end: after }) => {
      const lines = (await fetched(new URL(about.api + path, location.href).href)).split("\n");
      for (let number = 0; number < event_count; number++) rows[after - 1 - number] = lazy(() => eventRow(about, lines[number]), () => (JSON.parse(lines[number]).included ? {} : { class: "out" }));
      done += 1;
      if (wanted.length > 1) say(`Loading: ${done} of ${wanted.length} files…`);
    };
    for (let first = 0; first < wanted.length; first += AT_ONCE) await Promise.all(wanted.slice(first, first + AT_ONCE).map(take));
    return rows;
  };
}

globalThis.PERSON_ROWS = {
  epochs: (table) => async () => epochRows(await told(table)),
  months: (table) => async () => monthRows(await told(table)),
  events,
};
