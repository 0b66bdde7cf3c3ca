import net from "node:net";
import tls from "node:tls";

/** Versions that a broker takes of each request, by the request's number in Kafka's protocol. */
export type ApiVersions = ReadonlyMap<number, { readonly min: number; readonly max: number }>;

/** Numbers of Kafka's protocol. */
const apiVersionsRequest = 18;
const fetchRequest = 1;
/** New in 3.8. */
const describeTopicPartitionsRequest = 75;
/** 4.0 is the first that takes no older one (KIP-896). */
const fetchVersionMinOf4 = 4;

const answerMsMax = 5_000;
/** A broker knows some hundred requests of six bytes each. */
const answerBytesMax = 64 * 1024;
const correlationId = 1;

/**
 * Asks one broker which requests it takes: kafkajs asks, too, and keeps it to itself. Brokers answer this before anybody
 * signs in. Rejects when there is no such answer within 5 s.
 */
export async function fetchApiVersions(
  broker: string,
  { ssl }: { readonly ssl: boolean },
): Promise<ApiVersions> {
  const colon = broker.lastIndexOf(":");
  const host = broker.slice(0, colon).replace(/^\[|\]$/g, "");
  const port = Number(broker.slice(colon + 1));
  const servername = net.isIP(host) === 0 ? { servername: host } : {};
  const socket = ssl ? tls.connect({ host, port, ...servername }) : net.connect({ host, port });
  // Not on silence alone: a broker that sends forever must end, too.
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${answerMsMax} ms`)),
    answerMsMax,
  );
  try {
    socket.write(requestFrame());
    return parseAnswer(await readFrame(socket));
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Kafka's release as far as its requests tell it; null when it is older than any that Sluice was tested with. */
export function releaseOf(versions: ApiVersions): string | null {
  if ((versions.get(fetchRequest)?.min ?? 0) >= fetchVersionMinOf4) return "4.0 or newer";
  return versions.has(describeTopicPartitionsRequest) ? "3.8 or 3.9" : null;
}

/** Version 0 of the request, which every broker answers: header (number, version, id, client) and no body. */
function requestFrame(): Buffer {
  const client = Buffer.from("sluice-doctor");
  const frame = Buffer.alloc(4 + 10 + client.length);
  frame.writeInt32BE(10 + client.length, 0);
  frame.writeInt16BE(apiVersionsRequest, 4);
  frame.writeInt16BE(0, 6);
  frame.writeInt32BE(correlationId, 8);
  frame.writeInt16BE(client.length, 12);
  client.copy(frame, 14);
  return frame;
}

/** The bytes behind the length of the first frame. */
async function readFrame(socket: net.Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk]);
    if (received.length < 4) continue;
    const bytes = received.readInt32BE(0);
    if (bytes < 0 || bytes > answerBytesMax) break;
    if (received.length >= 4 + bytes) return received.subarray(4, 4 + bytes);
  }
  throw new Error("what listens there does not speak Kafka's protocol (or wants TLS)");
}

/** Id, error, then a list of number, least and greatest version. */
function parseAnswer(frame: Buffer): ApiVersions {
  const count = frame.length >= 10 ? frame.readInt32BE(6) : -1;
  const isAnswer = count >= 0 && frame.length >= 10 + count * 6;
  if (!isAnswer || frame.readInt32BE(0) !== correlationId || frame.readInt16BE(4) !== 0)
    throw new Error("what listens there does not speak Kafka's protocol");
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const at = 10 + index * 6;
      const versions = { min: frame.readInt16BE(at + 2), max: frame.readInt16BE(at + 4) };
      return [frame.readInt16BE(at), versions];
    }),
  );
}
