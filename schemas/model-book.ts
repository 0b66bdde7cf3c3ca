import { attributeName, compareVersions, isAttributeCondition } from "./models.ts";
import type { AttributeCondition, ModelDefinition, ModelVersion } from "./models.ts";
import { patternIndex } from "./patterns.ts";

type Owner = string | null;

/**
 * Every model definition there ever was, with the registry positions between which it was in force. What holds for an
 * observation is a function of the position that its records carry: to edit models never changes a cost that stands.
 */
export class ModelBook {
  readonly #versions = new Map<Owner, ModelVersion[]>();
  /** Those in force, by id. */
  readonly #live = new Map<Owner, Map<string, ModelVersion>>();
  readonly #indexes = new Map<Owner, (text: string) => number[]>();
  /** The versions with conditions on attributes: few, and asked for with every usage. */
  readonly #askers = new Map<Owner, readonly ModelVersion[]>();
  /** By project and model name, the one asked longest ago first. */
  #matches = new Map<string, readonly ModelVersion[]>();

  /** Those in force for a project: its own and the built-in ones. In no order. */
  list(project: string): ModelVersion[] {
    return [...this.#liveOf(project).values(), ...this.#liveOf(null).values()];
  }

  /** A project's own or a built-in one, when in force. */
  get(project: string, id: string): ModelVersion | undefined {
    return this.#liveOf(project).get(id) ?? this.#liveOf(null).get(id);
  }

  own(project: string): readonly ModelVersion[] {
    return [...this.#liveOf(project).values()];
  }

  builtIn(): readonly ModelVersion[] {
    return [...this.#liveOf(null).values()];
  }

  /** Puts a definition into force, in place of one with its id. */
  set(project: Owner, definition: ModelDefinition, at: number, position: number): void {
    const held = this.#liveOf(project).get(definition.id);
    this.remove(project, definition.id, position);
    const createdAt = held?.createdAt ?? at;
    const version = { project, definition, createdAt, since: position, until: Infinity };
    this.#versions.set(project, [...(this.#versions.get(project) ?? []), version]);
    this.#liveOf(project).set(definition.id, version);
    this.#forget(project);
  }

  /** False when there is none with this id in force. */
  remove(project: Owner, id: string, position: number): boolean {
    const held = this.#liveOf(project).get(id);
    if (!held) return false;
    this.#liveOf(project).delete(id);
    const versions = this.#versions.get(project) ?? [];
    this.#versions.set(
      project,
      versions.map((version) => (version === held ? { ...held, until: position } : version)),
    );
    this.#forget(project);
    return true;
  }

  /**
   * The definition for an observation that names its model so (write-api §4.5). Projects' own hold whatever their start
   * date; a built-in one holds for what started at it or later, because it stands for a change of price.
   */
  match(
    project: string,
    modelName: string,
    position: number,
    startTime: number,
  ): ModelVersion | null {
    if (modelName === "" || modelName.length > modelCharsMax) return null;
    const isInForce = ({ project: owner, definition, since, until }: ModelVersion): boolean =>
      since <= position &&
      position < until &&
      (owner !== null || definition.startDate === null || definition.startDate <= startTime);
    return this.#matchesOf(project, modelName).find(isInForce) ?? null;
  }

  /** The attributes that any condition of a project's models asks for. */
  attributesAt(project: string, position: number): AttributeCondition[] {
    const conditions = new Map<string, AttributeCondition>();
    for (const { definition, since, until } of [project, null].flatMap((owner) =>
      this.#askersOf(owner),
    )) {
      if (position < since || until <= position) continue;
      for (const condition of attributeConditions(definition)) {
        conditions.set(attributeName(condition), condition);
      }
    }
    return [...conditions.values()];
  }

  #liveOf(owner: Owner): Map<string, ModelVersion> {
    let live = this.#live.get(owner);
    if (!live) this.#live.set(owner, (live = new Map()));
    return live;
  }

  /** Every version whose pattern finds the name, in the order in which they are asked. */
  #matchesOf(project: string, modelName: string): readonly ModelVersion[] {
    const key = `${project}\r${modelName}`;
    const known = this.#matches.get(key);
    if (known) return known;
    const found = [project, null]
      .flatMap((owner) => this.#found(owner, modelName))
      .toSorted(compareVersions);
    this.#matches.set(key, found);
    const [oldest] = this.#matches.keys();
    if (this.#matches.size > matchesMax && oldest !== undefined) this.#matches.delete(oldest);
    return found;
  }

  #found(owner: Owner, modelName: string): ModelVersion[] {
    const versions = this.#versions.get(owner) ?? [];
    let index = this.#indexes.get(owner);
    if (!index) {
      index = patternIndex(versions.map(({ definition }) => definition.matchPattern));
      this.#indexes.set(owner, index);
    }
    return index(modelName).flatMap((at) => versions[at] ?? []);
  }

  #askersOf(owner: Owner): readonly ModelVersion[] {
    let askers = this.#askers.get(owner);
    if (!askers) {
      const versions = this.#versions.get(owner) ?? [];
      askers = versions.filter(({ definition }) => attributeConditions(definition).length > 0);
      this.#askers.set(owner, askers);
    }
    return askers;
  }

  #forget(owner: Owner): void {
    this.#indexes.delete(owner);
    this.#askers.delete(owner);
    this.#matches = new Map();
  }
}

function attributeConditions({ tiers }: ModelDefinition): AttributeCondition[] {
  return tiers.flatMap((tier) => tier.conditions.filter(isAttributeCondition));
}

/** The names that clients give are theirs to choose; the longest known ones have about 80 characters. */
const modelCharsMax = 200;
/** About 300 bytes each. */
const matchesMax = 10_000;
