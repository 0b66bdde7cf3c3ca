import { expect } from "vitest";

import type { Book } from "./book.ts";
import type { Issued, Issuer, Kind } from "./events.ts";
import { batchOf, send } from "./http.ts";

/** An event as the very text that is sent, and what has to become of it. */
export interface Hostile {
  readonly name: string;
  readonly text: string;
  /** Null when it has to be refused. */
  readonly stored: Issued | null;
}

export interface Content {
  readonly kind?: Kind;
  readonly id?: string;
  /** The body's fields besides `id` and `metadata`, as JSON text without braces. */
  readonly fields?: string;
  /** Further keys of the metadata, as JSON text without braces. */
  readonly metadata?: string;
  /** The columns as they must be exported; the metadata also holds the event's own mark. */
  readonly columns: Issued["columns"] | ((mark: string) => Issued["columns"]);
}

/** An event that must be stored with these columns. */
export function storable(issuer: Issuer, name: string, content: Content): Hostile {
  const base = issuer.next(content.kind ?? "trace");
  const id = content.id ?? base.event.body.id;
  const stored = {
    ...base,
    text: "",
    columns: typeof content.columns === "function" ? content.columns(base.mark) : content.columns,
    event: { ...base.event, body: { id } },
  };
  const { event, mark } = stored;
  const metadata = [`"${mark}":""`, ...listed(content.metadata)].join(",");
  const body = [
    `"id":${JSON.stringify(id)}`,
    `"metadata":{${metadata}}`,
    ...listed(content.fields),
  ];
  const text = `{"id":"${event.id}","type":"${event.type}","timestamp":"${event.timestamp}","body":{${body.join(",")}}}`;
  return { name, text, stored };
}

/** An event that must get a 400 of its own. */
export function refusable(name: string, text: string): Hostile {
  return { name, text, stored: null };
}

/**
 * Posts each event between two siblings, in a batch of its own: the siblings must be acknowledged whatever it is, and
 * it must be acknowledged or refused as it says.
 */
export async function sendAll(
  url: string,
  book: Book,
  issuer: Issuer,
  all: readonly Hostile[],
): Promise<void> {
  for (const { name, text, stored } of all) {
    const siblings = [issuer.next("trace"), issuer.next("score")] as const;
    const good = stored === null ? siblings : [siblings[0], stored, siblings[1]];
    for (const issued of good) book.issue(issued);
    const outcome = await send(url, { body: batchOf(siblings[0], text, siblings[1]) });
    expect({ name, ...outcome }).toMatchObject({
      name,
      status: 207,
      body: {
        successes: expect.arrayContaining(good.map(({ event }) => ({ id: event.id, status: 201 }))),
        errors: stored === null ? [{ status: 400, message: "Invalid request data" }] : [],
      },
    });
    book.answer(good, "acked");
  }
}

function listed(text: string | undefined): string[] {
  return text === undefined ? [] : [text];
}
