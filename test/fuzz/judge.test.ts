import { describe, expect, test } from "vitest";

import { Book } from "../faults/book.ts";
import { createIssuer } from "../faults/events.ts";
import type { ExportedRow } from "../faults/oracle.ts";
import { caseOf } from "./cases.ts";
import { answerProblems } from "./contract.ts";
import { judgeProject } from "./judge.ts";
import type { Shown } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { stepOf } from "./step.ts";
import type { Case, Step } from "./step.ts";

/** What the suite would not find, if these passed: each plants one fault and expects it to be named. */

const from: Case = { n: 1, kind: "batch", project: "a", own: "h5.1", bodies: 1, steps: [] };

test("The same seed and number make the same case, and another number another one.", () => {
  expect(caseOf(7, 3)).toStrictEqual(caseOf(7, 3));
  expect(caseOf(7, 3).steps).not.toStrictEqual(caseOf(7, 4).steps);
  expect(caseOf(7, 3).steps).not.toStrictEqual(caseOf(8, 3).steps);
});

test("A few hundred cases hold every kind, both projects, and neighbours beside nearly all of their bodies.", () => {
  const cases = Array.from({ length: 300 }, (_, n) => caseOf(1, n));
  expect(new Set(cases.map(({ kind }) => kind)).size).toBe(7);
  expect(new Set(cases.map(({ project }) => project)).size).toBe(2);
  const batches = cases.filter(({ kind }) => kind === "batch");
  const neighbours = batches.flatMap(({ steps }) => steps.flatMap((step) => step.neighbours));
  const bodies = batches.reduce((sum, { bodies: some }) => sum + some, 0);
  expect(bodies).toBeGreaterThan(300);
  expect(neighbours).toHaveLength(bodies);
});

describe("An answer", () => {
  const step = stepOf("a", { path: "/api/public/ingestion", statuses: [207] });
  const json = { "content-type": "application/json" };

  test.each([
    [500, '{"message":"m","error":"e"}', json, "5xx"],
    [503, "{}", json, "5xx"],
    [400, '{"message":"m","error":"e"}', json, "status other than 207"],
    [207, "Invalid JSON", { "content-type": "text/plain" }, "answer that is not JSON"],
    [207, '{"successes":[],"errors":[]}', {}, "answer that is not JSON"],
    [207, '{"successes":[]}', json, "answer of another shape"],
    [207, '{"successes":[{"id":5,"status":201}],"errors":[]}', json, "answer of another shape"],
    [207, '{"successes":[],"errors":[{"id":"e","status":500}]}', json, "answer of another shape"],
  ])("of %i with %s is a finding", (status, text, headers, kind) => {
    expect(answerProblems(step, { status, text, headers, ms: 1 })).toMatchObject([{ kind }]);
  });

  test("as the contract has it is none", () => {
    const text = '{"successes":[{"id":"e","status":201}],"errors":[]}';
    expect(answerProblems(step, { status: 207, text, headers: json, ms: 1 })).toStrictEqual([]);
  });
});

describe("A batch", () => {
  test.each([
    ["a sound event refused", { successes: [], errors: [error("e1")] }],
    ["an event unanswered", { successes: [], errors: [] }],
    ["an event answered twice", { successes: [success("e1"), success("e1")], errors: [] }],
    ["a stranger", { successes: [success("e1"), success("e2")], errors: [] }],
  ])("with %s is a finding", (_what, answer) => {
    const step = batchOf([trace("e1", "h5.1-t")], ["e1"]);
    expect(new Ledger().take(from, step, 207, answer)).not.toStrictEqual([]);
  });

  test("with a number for a text among what was accepted is a finding", () => {
    const event = { ...trace("e1", "h5.1-t"), body: { id: "h5.1-t", name: 1e300 } };
    const answer = { successes: [success("e1")], errors: [] };
    expect(new Ledger().take(from, batchOf([event], []), 207, answer)).toMatchObject([
      { kind: "number taken for a text", text: "traces name" },
    ]);
  });
});

describe("A project", () => {
  const sent = { name: "n", input: { a: [1] } };
  const row = { table: "traces", id: "h5.1-t", name: "n", input: '{"a":[1]}', output: "" };

  test("that shows what was accepted is in order", () => {
    expect(findings([row])).toStrictEqual([]);
  });

  test.each([
    ["lost", []],
    ["row twice", [row, row]],
    ["row that nobody was told of", [row, { ...row, id: "h5.1-other" }]],
    ["another name than was sent", [{ ...row, name: "m" }]],
    ["another input than was sent", [{ ...row, input: '{"a":[2]}' }]],
  ])("with a fault of the kind: %s", (kind, rows) => {
    expect(findings(rows)).toMatchObject([{ kind, n: 1 }]);
  });

  test("may keep what it could not store among its dead letters", () => {
    const body = JSON.stringify(trace("e1", "h5.1-t"));
    expect(findings([], [{ reason: "refused", detail: "", body }])).toStrictEqual([]);
  });

  test("must not show what its own case has deleted", () => {
    const ledger = accepted();
    const deletion = stepOf("a", { path: "/", deletes: { kind: "trace", id: "h5.1-t" } });
    ledger.take(from, deletion, 200, {});
    expect(judgeProject(owedBy(ledger), { rows: [exported(row)], deadLetters: [] })).toMatchObject([
      { kind: "still there after its delete" },
    ]);
  });

  test("must keep an event without an id among its dead letters", () => {
    const ledger = new Ledger();
    const event = { ...trace("e1", ""), body: {} };
    ledger.take(from, batchOf([event], []), 207, { successes: [success("e1")], errors: [] });
    expect(judgeProject(owedBy(ledger), { rows: [], deadLetters: [] })).toMatchObject([
      { kind: "lost without an id" },
    ]);
  });

  test.each([
    ["neighbour lost", []],
    ["neighbour changed", ["another"]],
    ["neighbour twice", ["same", "same"]],
  ])("with a fault of the kind: %s", (kind, names) => {
    const book = new Book();
    const neighbour = createIssuer("n5.1", 0).next("trace");
    book.issue(neighbour);
    book.answer([neighbour], "acked");
    const { mark, text, table, event, columns } = neighbour;
    const rows = names.map((name) =>
      exported({
        ...columns,
        ...(name === "another" && { name }),
        input: JSON.stringify(columns["input"]),
        table,
        id: event.body.id,
        metadata: { [mark]: text },
      }),
    );
    const owed = { book, entries: [], nameless: [] };
    expect(judgeProject(owed, { rows, deadLetters: [] })).toMatchObject([{ kind, n: 1 }]);
  });

  function findings(rows: readonly object[], deadLetters: Shown["deadLetters"] = []) {
    return judgeProject(owedBy(accepted()), { rows: rows.map(exported), deadLetters });
  }

  function accepted(): Ledger {
    const ledger = new Ledger();
    const event = trace("e1", "h5.1-t");
    const step = batchOf([{ ...event, body: { ...event.body, ...sent } }], ["e1"]);
    ledger.take(from, step, 207, { successes: [success("e1")], errors: [] });
    return ledger;
  }
});

function owedBy(ledger: Ledger) {
  return { book: new Book(), entries: ledger.entriesOf("a"), nameless: ledger.nameless };
}

function exported(row: object): ExportedRow {
  return { metadata: {}, ...row } as ExportedRow;
}

function trace(id: string, bodyId: string) {
  return { id, type: "trace-create", timestamp: "2025-03-01T10:00:00Z", body: { id: bodyId } };
}

function batchOf(events: readonly object[], sound: readonly string[]): Step {
  const body = Buffer.from(JSON.stringify({ batch: events }));
  return stepOf("a", { path: "/api/public/ingestion", body, sound });
}

function success(id: string) {
  return { id, status: 201 };
}

function error(id: string) {
  return { id, status: 400, message: "m", error: "e" };
}
