import { setTimeout as pause } from "node:timers/promises";

import type { Admin } from "kafkajs";

import type { Logger } from "../../logger.ts";
import {
  createTopic,
  fetchBounds,
  isLeaderless,
  readTopic,
  sealTopic,
  settingComplaints,
} from "./topics.ts";
import type { TopicShape, TopicState } from "./topics.ts";

export interface Generation {
  readonly number: number;
  readonly topic: string;
  readonly partitions: number;
  /** Those before it that are still there, oldest first. */
  readonly older: readonly OlderGeneration[];
}

export interface OlderGeneration {
  readonly number: number;
  readonly topic: string;
}

export interface GenerationOptions {
  /** The stream's name; its generations are the topics `<stream>.g1`, `<stream>.g2` … */
  readonly stream: string;
  readonly shape: TopicShape;
  /** The greatest position that is stored elsewhere; the stream's next position has to exceed it. */
  readonly after?: { readonly generation: number; readonly offset: bigint };
  readonly log: Logger;
}

/** How long brokers may take to hear of a new topic and its leaders. */
const knownWithinMs = 10_000;
const lookMs = 100;

/**
 * The newest generation of a stream; the first one is made when there is none.
 *
 * A new one follows where going on would repeat positions or tear a key from its order: when the setting asks for more
 * partitions, when partitions were added by hand, and when the topic was made anew or lost. The older one is sealed
 * first, so that nothing is appended to it behind the back of who reads it to its end. Rejects when a stream that is
 * kept for ever would need a new generation, and when a topic's settings are not safe.
 */
export async function openGeneration(
  admin: Admin,
  options: GenerationOptions,
): Promise<Generation> {
  const deadline = performance.now() + knownWithinMs;
  for (;;) {
    try {
      const generation = await findGeneration(admin, options);
      // Who opens a new topic may use it at once.
      await fetchBounds(admin, generation.topic, knownWithinMs);
      return generation;
    } catch (error) {
      if (!isLeaderless(error) || performance.now() > deadline) throw error;
    }
    await pause(lookMs);
  }
}

async function findGeneration(admin: Admin, options: GenerationOptions): Promise<Generation> {
  const { stream, shape, log } = options;
  for (;;) {
    const numbers = await listGenerations(admin, stream);
    const newest = numbers.at(-1) ?? 0;
    const topic = topicOf(stream, newest);
    const state = newest === 0 ? null : await readTopic(admin, topic);
    const reason = await reasonToMove(admin, newest, state, options);
    if (reason === null && state !== null) {
      refuseUnsafe(topic, state, shape);
      warnOfFewer(topic, state, options);
      return {
        number: newest,
        topic,
        partitions: state.partitions,
        older: olderOf(stream, numbers),
      };
    }
    const next = Math.max(newest, options.after?.generation ?? 0) + 1;
    if (reason !== null && state !== null) {
      if (shape.retentionMs === "forever") {
        throw new Error(
          `${reason}. The stream ${stream} is kept for ever and cannot be begun anew: restore its topic.`,
        );
      }
      await sealTopic(admin, topic);
      log.warn(`${reason}: the stream moves on to a new generation`, {
        from: topic,
        to: topicOf(stream, next),
      });
    }
    const partitions = Math.max(shape.partitions, state?.partitions ?? 0);
    await createTopic(admin, topicOf(stream, next), { ...shape, partitions });
  }
}

/** The newest generation's number; 0 when there is none. */
export async function newestGeneration(admin: Admin, stream: string): Promise<number> {
  return (await listGenerations(admin, stream)).at(-1) ?? 0;
}

function topicOf(stream: string, generation: number): string {
  return `${stream}.g${generation}`;
}

async function listGenerations(admin: Admin, stream: string): Promise<readonly number[]> {
  const topics = await admin.listTopics();
  const numbers = topics.flatMap((topic) => {
    const digits = topic.startsWith(`${stream}.g`) ? topic.slice(stream.length + 2) : "";
    return /^[1-9]\d{0,4}$/.test(digits) ? [Number(digits)] : [];
  });
  return numbers.toSorted((a, b) => a - b);
}

/** Why the newest generation cannot go on; null when it can. */
async function reasonToMove(
  admin: Admin,
  newest: number,
  state: TopicState | null,
  { stream, shape, after }: GenerationOptions,
): Promise<string | null> {
  const topic = topicOf(stream, newest);
  if (after !== undefined && newest < after.generation) {
    return `Generation ${after.generation} of ${stream} is stored, but ${newest === 0 ? "no topic" : `only ${topic}`} is there`;
  }
  if (state === null) return null;
  if (state.isSealed) return `${topic} is sealed and has no successor`;
  if (state.madeWith !== null && state.partitions !== state.madeWith) {
    return `${topic} was made with ${state.madeWith} partitions and has ${state.partitions}: partitions were added by hand, and keys would move between them`;
  }
  if (shape.partitions > state.partitions) {
    return `${topic} has ${state.partitions} partitions and SLUICE_KAFKA_PARTITIONS asks for ${shape.partitions}`;
  }
  if (after === undefined || newest > after.generation) return null;
  const bounds = await fetchBounds(admin, topic);
  const end = bounds.reduce((most, { high }) => (high > most ? high : most), 0n);
  if (end > after.offset) return null;
  return `${topic} was made anew: its greatest next offset is ${end}, and offset ${after.offset} of it is stored`;
}

function refuseUnsafe(topic: string, state: TopicState, shape: TopicShape): void {
  const complaints = settingComplaints(topic, state, shape);
  if (complaints.length > 0) throw new Error(complaints.join("\n"));
}

function warnOfFewer(topic: string, state: TopicState, { shape, log }: GenerationOptions): void {
  if (state.partitions === shape.partitions) return;
  log.warn("A topic keeps its partitions: SLUICE_KAFKA_PARTITIONS asks for fewer", {
    topic,
    partitions: state.partitions,
    asked: shape.partitions,
  });
}

function olderOf(stream: string, numbers: readonly number[]): readonly OlderGeneration[] {
  return numbers.slice(0, -1).map((number) => ({ number, topic: topicOf(stream, number) }));
}
