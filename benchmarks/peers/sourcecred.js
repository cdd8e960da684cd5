// SourceCred's published engine over a CSV of contributions (id,time,event_type,account,login,…): a graph in which each
// contribution has its kind's weight and an edge to its author, CredRank over it, one distribution of grain.
// Usage: node sourcecred.js contributions.csv BUDGET; prints one line of JSON: people, and grain of all.
"use strict";
const fs = require("fs");
const readline = require("readline");
const {sourcecred} = require("sourcecred");

const {Graph, NodeAddress, EdgeAddress} = sourcecred.core.graph;
const {ledger: ledgers, grain: amounts} = sourcecred.ledger;
const CONTRIBUTION = ["bench", "contribution"];
const ACCOUNT = ["bench", "account"];

async function main(path, budget) {
  const graph = new Graph();
  const weights = sourcecred.core.weights.empty();
  const people = new Map();
  const lines = readline.createInterface({input: fs.createReadStream(path), crlfDelay: Infinity});
  let head = true;
  for await (const line of lines) {
    if (head) {
      head = false;
      continue;
    }
    const [id, time, kind, account, login] = line.split(",");
    const address = NodeAddress.fromParts([...CONTRIBUTION, kind, id]);
    const author = NodeAddress.fromParts([...ACCOUNT, account]);
    const timestampMs = Date.parse(time);
    if (!people.has(author)) {
      people.set(author, login);
      graph.addNode({address: author, description: login, timestampMs: null});
    }
    graph.addNode({address, description: id, timestampMs});
    const edge = EdgeAddress.fromParts(["bench", "authored", id]);
    graph.addEdge({address: edge, src: address, dst: author, timestampMs});
  }
  weights.nodeWeights.set(NodeAddress.fromParts(CONTRIBUTION), 1);
  weights.nodeWeights.set(NodeAddress.fromParts(ACCOUNT), 0);
  weights.edgeWeights.set(EdgeAddress.fromParts(["bench", "authored"]), {forwards: 1, backwards: 1});
  const ledger = new ledgers.Ledger();
  for (const [address, login] of people) {
    const id = ledger.createIdentity("USER", login);
    ledger.addAlias(id, {address, description: login});
    ledger.activate(id);
  }
  const ranked = await sourcecred.api.credrank.credrank({
    pluginGraphs: [{graph, weights}],
    ledger,
    dependencies: [],
    weightOverrides: sourcecred.core.weights.empty(),
    pluginsBudget: null,
    personalAttributions: [],
  });
  const {distributions} = await sourcecred.api.grain.grain({
    credGrainView: ranked.credGrainView,
    ledger: ranked.ledger,
    grainConfig: {
      allocationPolicies: [{policyType: "IMMEDIATE", budget: amounts.fromInteger(Number(budget)), numIntervalsLookback: 1}],
      maxSimultaneousDistributions: 100,
      accountingEnabled: true,
      processDistributions: false,
    },
    currencyDetails: {name: "grain", suffix: "g", decimals: 4, integrationCurrency: undefined},
  });
  const receipts = distributions.flatMap((each) => each.allocations.flatMap((one) => one.receipts));
  const total = receipts.reduce((sum, receipt) => amounts.add(sum, receipt.amount), amounts.ZERO);
  console.log(JSON.stringify({people: people.size, grain: amounts.format(total, 4)}));
}

main(process.argv[2], process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});
