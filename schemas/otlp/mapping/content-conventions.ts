import type { OtelEvent } from "../span.ts";
import type { ContentRule } from "./content.ts";
import * as by from "./emitters.ts";
import { chatMessages, withInstructions } from "./messages.ts";
import { attribute, eventAttributes } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asList, member } from "./values.ts";

/** Input and output where the GenAI conventions, and those before them, put messages. (otlp.md §2.6) */

type Lookup = (key: string) => unknown;

function inputMessages(key: string, get: Lookup): unknown {
  const messages = get(key);
  if (messages === null || messages === undefined) return null;
  return withInstructions(chatMessages(messages), get("gen_ai.system_instructions"));
}

export const operationInput: Source = {
  key: "gen_ai.input.messages",
  by: by.genAi,
  read: (span) => inputMessages("gen_ai.input.messages", (key) => span.attribute(key)),
};

export const operationOutput: Source = {
  key: "gen_ai.output.messages",
  by: by.genAi,
  read: (span) => chatMessages(span.attribute("gen_ai.output.messages")),
};

export const messages: ContentRule = { input: [operationInput], output: [operationOutput] };

const detailsEvent = "gen_ai.client.inference.operation.details";

/** The same attributes on an event. */
export const operationDetails: ContentRule = {
  input: [ofEvent(detailsEvent, (get) => inputMessages("gen_ai.input.messages", get))],
  output: [ofEvent(detailsEvent, (get) => chatMessages(get("gen_ai.output.messages")))],
};

function ofEvent(name: string, read: (get: Lookup) => unknown): Source {
  return {
    key: `event ${name}`,
    by: by.genAi,
    read: (span) => {
      const [event] = span.events(name);
      if (!event) return null;
      const attributes = eventAttributes(event);
      return read((key) => attributes[key]);
    },
  };
}

const roles: ReadonlyMap<string, string> = new Map([
  ["gen_ai.system.message", "system"],
  ["gen_ai.user.message", "user"],
  ["gen_ai.assistant.message", "assistant"],
  ["gen_ai.tool.message", "tool"],
]);

/** One event a message, as the conventions had it until 2025. */
export const messageEvents: ContentRule = {
  input: [{ key: "events gen_ai.*.message", by: by.genAi, read: spokenMessages }],
  output: [{ key: "events gen_ai.choice", by: by.genAi, read: choices }],
};

function spokenMessages({ span }: SpanReader): unknown {
  const spoken = span.events.flatMap((event) => {
    const role = roles.get(event.name);
    return role === undefined ? [] : [{ role, ...eventAttributes(event) }];
  });
  return spoken.length > 0 ? spoken : null;
}

function choices(span: SpanReader): unknown {
  return oneOrAll(span.events("gen_ai.choice").map(eventAttributes));
}

function oneOrAll(values: readonly unknown[]): unknown {
  return values.length > 1 ? values : values[0];
}

/** OpenLIT and Semantic Kernel: the content is an event's attribute, or all of them. */
export const contentEvents: ContentRule = {
  input: [contentEvent("gen_ai.content.prompt", "gen_ai.prompt")],
  output: [contentEvent("gen_ai.content.completion", "gen_ai.completion")],
};

function contentEvent(name: string, key: string): Source {
  const content = (event: OtelEvent): unknown => {
    const attributes = eventAttributes(event);
    return attributes[key] ?? attributes;
  };
  return {
    key: `event ${name}`,
    by: by.openLit,
    read: (span) => oneOrAll(span.events(name).map(content)),
  };
}

/** Logfire keeps the events as one attribute. */
export const logfireEvents: ContentRule = {
  input: [{ key: "events", by: by.logfire, read: (span) => loggedEvents(span, false) }],
  output: [
    { key: "events (gen_ai.choice)", by: by.logfire, read: (span) => loggedEvents(span, true) },
  ],
};

function loggedEvents(span: SpanReader, isChoice: boolean): unknown {
  const events = asList(span.attribute("events"))?.filter(
    (event) => (member(event, "event.name") === "gen_ai.choice") === isChoice,
  );
  if (!events || events.length === 0) return null;
  return isChoice ? oneOrAll(events) : events;
}

/** A run of an agent: all messages of it, and its result. */
export const pydanticAgent: ContentRule = {
  applies: ({ scope }) => scope === "pydantic-ai",
  input: [
    {
      key: "pydantic_ai.all_messages",
      by: by.pydanticAi,
      read: (span) => inputMessages("pydantic_ai.all_messages", (key) => span.attribute(key)),
    },
  ],
  output: [attribute("final_result", by.pydanticAi)],
};
