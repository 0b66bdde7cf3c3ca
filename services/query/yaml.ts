/** A value of JSON in the block style of YAML 1.2; texts stay in the quotes of JSON, which YAML reads alike. */
export function yamlOf(value: unknown): string {
  return `${blockOf(value, "").trimStart()}\n`;
}

function blockOf(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    // A block within an item begins on the line of the dash.
    const items = value.map((item) => `- ${blockOf(item, `${indent}  `).trimStart()}`);
    return items.map((item) => `\n${indent}${item}`).join("");
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, held]) => held !== undefined);
    if (entries.length === 0) return " {}";
    return entries
      .map(([key, held]) => `\n${indent}${keyOf(key)}:${blockOf(held, `${indent}  `)}`)
      .join("");
  }
  return ` ${JSON.stringify(value)}`;
}

/** Bare where no reader could take it for anything but a text. */
function keyOf(key: string): string {
  return /^[A-Za-z$][\w$]*$/.test(key) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(key)
    ? key
    : JSON.stringify(key);
}
