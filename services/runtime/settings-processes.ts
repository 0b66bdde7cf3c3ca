import { optional, setting } from "./setting.ts";
import { httpUrl, keyPepper, wholeNumber } from "./setting-formats.ts";

/** What the gateway alone asks for. */
export const gatewaySettings = {
  workers: setting(
    "SLUICE_GATEWAY_WORKERS",
    "1",
    wholeNumber(1, 256),
    "Processes of a gateway that share its port; as many as it has cores.",
  ),
};

export const drainMsSetting = setting(
  "SLUICE_DRAIN_MS",
  "0",
  wholeNumber(0, 60_000),
  "Time to go on answering, though not ready, after SIGTERM: until a load balancer has noticed.",
);

/** Where requests go that are not answered here. */
export const forwardSettings = {
  queryUrl: optional(
    "SLUICE_QUERY_URL",
    "http://query:3000",
    httpUrl(),
    "The query process, to which a gateway sends on what it does not take in itself.",
  ),
  upstreamUrl: optional(
    "SLUICE_UPSTREAM_URL",
    "https://langfuse.example.com",
    httpUrl(),
    "A Langfuse for what Sluice has no route for (prompts, datasets), with the caller's own keys.",
  ),
  inflightMax: setting(
    "SLUICE_FORWARD_INFLIGHT_MAX",
    "256",
    wholeNumber(1, 10_000),
    "Requests sent on at once to each of the two; beyond it a request gets 503.",
  ),
  timeoutMs: setting(
    "SLUICE_FORWARD_TIMEOUT_MS",
    "30000",
    wholeNumber(100, 600_000),
    "Longest wait for their answer, and for each next part of it, in milliseconds.",
  ),
};

export const keyPepperSetting = optional(
  "SLUICE_KEY_PEPPER",
  "6b657920706570706572206f6620333220627974657320696e2068657821213a",
  keyPepper(),
  "What secret keys are hashed with: 32 random bytes or more in hex or base64, the same everywhere.",
  { secret: true },
);
