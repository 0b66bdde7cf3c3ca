import { isIP } from "node:net";

/** How the text of one setting becomes its value. Pure. */
export interface Format<Value> {
  /** Completes the sentence "it must be …". */
  readonly expected: string;
  /** The value, or undefined when the text is not one. */
  readonly parse: (text: string) => Value | undefined;
}

/** A whole number in plain digits, both bounds allowed. */
export function wholeNumber(min: number, max: number): Format<number> {
  return {
    expected: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

/** A size in bytes: plain digits, or digits and one of KiB, MiB, GiB, TiB; both bounds allowed. */
export function byteSize(minBytes: number, maxBytes: number): Format<number> {
  return {
    expected: `a size from ${showBytes(minBytes)} to ${showBytes(maxBytes)}, in bytes or like 256MiB`,
    parse(text) {
      const [, digits, unit = ""] = /^(\d{1,15})(KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
      const value = digits === undefined ? Number.NaN : Number(digits) * (unitBytes[unit] ?? 1);
      return value >= minBytes && value <= maxBytes ? value : undefined;
    },
  };
}

/** One of the given words, exactly. */
export function oneOf<const Word extends string>(words: readonly Word[]): Format<Word> {
  return {
    expected: `one of ${words.join(", ")}`,
    parse: (text) => words.find((word) => word === text),
  };
}

/** Text that matches the whole pattern; `expected` says it in words. */
export function textLike(pattern: RegExp, expected: string): Format<string> {
  return { expected, parse: (text) => (pattern.test(text) ? text : undefined) };
}

/** An http or https address without credentials, query or fragment; returned without a last slash. */
export function httpUrl(): Format<string> {
  return {
    expected: "an address like https://traces.example.com",
    parse(text) {
      const url = URL.canParse(text) ? new URL(text) : null;
      if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
      if (url.username + url.password + url.search + url.hash !== "") return undefined;
      return (url.origin + url.pathname).replace(/\/+$/, "");
    },
  };
}

/** Addresses of brokers, `host:port` each, with a comma between them. */
export function brokerList(): Format<readonly string[]> {
  return {
    expected: "addresses like kafka-1:9092,kafka-2:9092",
    parse(text) {
      const entries = text.split(",").map((entry) => entry.trim());
      return entries.every(isBroker) ? entries : undefined;
    },
  };
}

function isBroker(text: string): boolean {
  const [, port = "0"] = /^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(text) ?? [];
  return Number(port) >= 1 && Number(port) <= 65_535;
}

/** At least 32 bytes as hex or base64; what reads as hex is hex. */
export function keyPepper(): Format<Buffer> {
  return {
    expected: "32 bytes or more in hex or base64: `openssl rand -hex 32` makes them",
    parse(text) {
      const isHex = /^(?:[\da-f]{2})+$/i.test(text);
      if (!isHex && !/^[\w+/-]+={0,2}$/.test(text)) return undefined;
      const bytes = Buffer.from(text, isHex ? "hex" : "base64");
      return bytes.length >= 32 ? bytes : undefined;
    },
  };
}

/** How many proxies stand in front, or the addresses and subnets that they have. */
export type TrustedProxies = number | readonly string[];

export function proxyList(): Format<TrustedProxies> {
  return {
    expected: "how many proxies there are (1 to 9), or their addresses, like 10.0.0.0/8,::1",
    parse(text) {
      if (/^[1-9]$/.test(text)) return Number(text);
      const entries = text.split(",").map((entry) => entry.trim());
      return entries.every(isAddressOrSubnet) ? entries : undefined;
    },
  };
}

function isAddressOrSubnet(text: string): boolean {
  const [, address = "", prefix = "0"] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(prefix) <= (version === 6 ? 128 : 32);
}

/** The shortest exact way to write a size: 268435456 is `256MiB`, 1000 is `1000`. */
function showBytes(bytes: number): string {
  const unit = Object.keys(unitBytes).findLast((name) => bytes % (unitBytes[name] ?? 1) === 0);
  return bytes === 0 || unit === undefined
    ? String(bytes)
    : `${bytes / (unitBytes[unit] ?? 1)}${unit}`;
}

const unitBytes: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};
