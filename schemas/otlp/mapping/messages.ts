import { asList, asText, isMap, member, parsed } from "./values.ts";
import type { PlainMap } from "./values.ts";

/**
 * Messages of the GenAI conventions, `{role, parts: [...]}`, as chat messages: text as `content`, calls as
 * `tool_calls`, what a tool answered as a message of its own. What is no such message stays as it was sent.
 * (otlp.md §2.12, §6 #12)
 */
export function chatMessages(value: unknown): unknown {
  const list = asList(value);
  if (!list || list.length === 0 || !list.every(hasParts)) return value;
  return list.flatMap(chatMessage);
}

interface PartsMessage extends PlainMap {
  readonly parts: readonly unknown[];
}

function hasParts(value: unknown): value is PartsMessage {
  return isMap(value) && Array.isArray(value["parts"]);
}

function chatMessage({ parts, ...rest }: PartsMessage): PlainMap[] {
  const calls: unknown[] = [];
  const answers: PlainMap[] = [];
  const content: unknown[] = [];
  for (const part of parts) {
    const type = member(part, "type");
    if (type === "tool_call") calls.push(toolCall(part));
    else if (type === "tool_call_response") answers.push(toolAnswer(part));
    else content.push(contentPart(part));
  }
  const message = {
    ...rest,
    ...(content.length > 0 && { content: contentOf(content) }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return content.length > 0 || calls.length > 0 || answers.length === 0
    ? [message, ...answers]
    : answers;
}

/** One text is the content itself. */
function contentOf(parts: readonly unknown[]): unknown {
  const [only] = parts;
  const isText = parts.length === 1 && member(only, "type") === "text";
  return isText ? (member(only, "text") ?? "") : parts;
}

/** Text and reasoning have their words under `text`, as chat messages do; blobs, files and links stay as they are. */
function contentPart(part: unknown): unknown {
  const type = member(part, "type");
  const isWords = type === "text" || type === "reasoning";
  const words = isWords ? member(part, "content") : undefined;
  if (words === undefined || !isMap(part)) return part;
  const { content: _, ...rest } = part;
  return { ...rest, text: words };
}

function toolCall(part: unknown): PlainMap {
  const text = asText(member(part, "arguments"));
  return {
    id: member(part, "id") ?? null,
    type: "function",
    function: { name: member(part, "name") ?? null, arguments: text ?? "{}" },
  };
}

function toolAnswer(part: unknown): PlainMap {
  return {
    role: "tool",
    tool_call_id: member(part, "id") ?? null,
    // Older instrumentations say `result` (Pydantic AI).
    content: member(part, "response") ?? member(part, "result") ?? null,
  };
}

/** Puts the system's instructions in front, once, and only of messages. (otlp.md §2.6 #20) */
export function withInstructions(messages: unknown, instructions: unknown): unknown {
  const text = instructionText(instructions);
  const list = asList(messages);
  if (text === null || !list || list.some(isOfSystem)) return messages;
  return [{ role: "system", content: text }, ...list];
}

function isOfSystem(message: unknown): boolean {
  return member(message, "role") === "system";
}

function instructionText(instructions: unknown): string | null {
  const value = parsed(instructions);
  if (!Array.isArray(value)) return asText(member(value, "content") ?? value);
  const texts = value.flatMap((part) => asText(member(part, "content") ?? part) ?? []);
  return texts.length > 0 ? texts.join("\n") : null;
}

/** The tools that a call was offered, joined to its input. (otlp.md §2.6, Tools) */
export function withTools(input: unknown, tools: readonly unknown[]): unknown {
  if (tools.length === 0) return input;
  const value = parsed(input);
  if (Array.isArray(value)) return { messages: value, tools: distinct(tools) };
  if (isMap(value)) {
    return { ...value, tools: distinct([...(asList(value["tools"]) ?? []), ...tools]) };
  }
  return value === null || value === undefined
    ? { tools: distinct(tools) }
    : { prompt: value, tools: distinct(tools) };
}

/** One of each name; tools without a name are all kept. */
function distinct(tools: readonly unknown[]): unknown[] {
  const names = new Set<string>();
  return tools.filter((tool) => {
    const name = asText(member(member(tool, "function"), "name") ?? member(tool, "name"));
    if (name === null) return true;
    const isNew = !names.has(name);
    names.add(name);
    return isNew;
  });
}
