import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";
import { z } from "zod";

import { documentsOf, environmentProblems, isPinned, stopMs } from "./environment.ts";

const folder = join(import.meta.dirname, "../../deploy/kubernetes");
const ours = ["gateway", "writer", "query"];

/** As much of the API as the files use, strict where a misspelt key would silently mean a default. */
const named = z.strictObject({ name: z.string() });
const labels = z.strictObject({ matchLabels: z.record(z.string(), z.string()) });
const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.literal("http") }),
  periodSeconds: z.int(),
  timeoutSeconds: z.int().optional(),
  failureThreshold: z.int(),
});
const reference = z.strictObject({ name: z.literal("sluice"), key: z.string() });
const variable = z.union([
  z.strictObject({ name: z.string(), value: z.string() }),
  z.strictObject({ name: z.string(), valueFrom: z.strictObject({ configMapKeyRef: reference }) }),
  z.strictObject({ name: z.string(), valueFrom: z.strictObject({ secretKeyRef: reference }) }),
]);
const container = z.strictObject({
  name: z.string(),
  image: z.literal("sluice"),
  args: z.array(z.string()),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })),
  env: z.array(variable),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal("ALL")]) }),
  }),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  resources: z.strictObject({
    requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
    limits: z.strictObject({ memory: z.string() }),
  }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
});
const deployment = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  metadata: named,
  spec: z.strictObject({
    replicas: z.int().min(2).optional(),
    selector: labels,
    strategy: z.strictObject({
      type: z.literal("RollingUpdate"),
      rollingUpdate: z.strictObject({ maxSurge: z.int(), maxUnavailable: z.literal(0) }),
    }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.strictObject({
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.int().min(45),
        securityContext: z.strictObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.literal(1000),
          runAsGroup: z.literal(1000),
          fsGroup: z.literal(1000),
          seccompProfile: z.strictObject({ type: z.literal("RuntimeDefault") }),
        }),
        topologySpreadConstraints: z
          .array(
            z.strictObject({
              maxSkew: z.literal(1),
              topologyKey: z.string(),
              whenUnsatisfiable: z.enum(["ScheduleAnyway", "DoNotSchedule"]),
              labelSelector: labels,
            }),
          )
          .min(1),
        containers: z.tuple([container]),
        volumes: z.array(
          z.strictObject({ name: z.string(), emptyDir: z.strictObject({ sizeLimit: z.string() }) }),
        ),
      }),
    }),
  }),
});
const service = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Service"),
  metadata: named,
  spec: z.strictObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.string() })),
  }),
});
const budget = z.strictObject({
  apiVersion: z.literal("policy/v1"),
  kind: z.literal("PodDisruptionBudget"),
  metadata: named,
  spec: z.strictObject({ maxUnavailable: z.literal(1), selector: labels }),
});
const target = z.strictObject({
  apiVersion: z.literal("apps/v1"),
  kind: z.literal("Deployment"),
  name: z.string(),
});
const autoscaler = z.strictObject({
  apiVersion: z.literal("autoscaling/v2"),
  kind: z.literal("HorizontalPodAutoscaler"),
  metadata: named,
  spec: z.strictObject({
    scaleTargetRef: target,
    minReplicas: z.int().min(2),
    maxReplicas: z.int(),
    metrics: z.array(z.looseObject({ type: z.literal("Resource") })).min(1),
    behavior: z.looseObject({}),
  }),
});
const peers = z.array(z.strictObject({ podSelector: labels })).optional();
const ports = z.array(z.strictObject({ port: z.int(), protocol: z.enum(["TCP", "UDP"]) }));
const policy = z.strictObject({
  apiVersion: z.literal("networking.k8s.io/v1"),
  kind: z.literal("NetworkPolicy"),
  metadata: named,
  spec: z.strictObject({
    podSelector: labels,
    policyTypes: z.tuple([z.literal("Ingress"), z.literal("Egress")]),
    ingress: z.array(z.strictObject({ from: peers, ports })),
    egress: z.array(z.strictObject({ to: peers, ports })),
  }),
});
const config = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("ConfigMap"),
  metadata: named,
  data: z.record(z.string(), z.string()),
});
const secret = z.strictObject({
  apiVersion: z.literal("v1"),
  kind: z.literal("Secret"),
  metadata: named,
  type: z.literal("Opaque"),
  stringData: z.record(z.string(), z.string()),
});
const kustomization = z.strictObject({
  apiVersion: z.literal("kustomize.config.k8s.io/v1beta1"),
  kind: z.literal("Kustomization"),
  namespace: z.string(),
  labels: z.array(z.looseObject({ pairs: z.record(z.string(), z.string()) })),
  resources: z.array(z.string()),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })),
});
const scaledObject = z.strictObject({
  apiVersion: z.literal("keda.sh/v1alpha1"),
  kind: z.literal("ScaledObject"),
  metadata: named,
  spec: z.strictObject({
    scaleTargetRef: named,
    minReplicaCount: z.int().min(1),
    maxReplicaCount: z.int(),
    cooldownPeriod: z.int(),
    fallback: z.strictObject({ failureThreshold: z.int(), replicas: z.int() }),
    triggers: z.tuple([
      z.strictObject({ type: z.literal("kafka"), metadata: z.record(z.string(), z.string()) }),
    ]),
  }),
});

const base = kustomization.parse(documentsOf("kubernetes/kustomization.yaml")[0]);
const kinds = z.discriminatedUnion("kind", [
  deployment,
  service,
  budget,
  autoscaler,
  policy,
  config,
]);
const objects = base.resources
  .flatMap((path) => documentsOf(`kubernetes/${path}`))
  .map((object) => kinds.parse(object));
const settings = objects.find((object) => object.kind === "ConfigMap")?.data ?? {};
const example = secret.parse(documentsOf("kubernetes/secret.example.yaml")[0]);
const scaling = scaledObject.parse(documentsOf("kubernetes/keda/scaled-object.yaml")[0]);
const values: Readonly<Record<string, string>> = { SLUICE_KEY_PEPPER: "5c".repeat(32) };

function deploymentOf(name: string): z.infer<typeof deployment>["spec"] {
  const all = objects.filter((object) => object.kind === "Deployment");
  const one = all.find(({ metadata }) => metadata.name === `sluice-${name}`);
  if (one === undefined) throw new Error(`there is no Deployment of ${name}`);
  return one.spec;
}

function containerOf(name: string): z.infer<typeof container> {
  return deploymentOf(name).template.spec.containers[0];
}

function valueOf(entry: z.infer<typeof variable>): string | undefined {
  if ("value" in entry) return entry.value;
  const { valueFrom: from } = entry;
  if ("configMapKeyRef" in from) return settings[from.configMapKeyRef.key];
  const { key } = from.secretKeyRef;
  return Object.hasOwn(example.stringData, key) ? (values[key] ?? "a password") : undefined;
}

/** As the kubelet would make it; a reference to what is not there throws. */
function environmentOf(name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    containerOf(name).env.map((entry) => {
      const value = valueOf(entry);
      if (value === undefined) throw new Error(`${entry.name} refers to what is not there`);
      return [entry.name, value];
    }),
  );
}

describe("deploy/kubernetes", () => {
  it("is of files that are all there and all used", () => {
    const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
    const apart = ["kustomization.yaml", "secret.example.yaml"];
    expect([...base.resources, ...apart].toSorted()).toEqual(files.toSorted());
    expect(existsSync(join(folder, "keda/kustomization.yaml"))).toBe(true);
  });

  it.each(ours)("gives %s settings that exist, that it reads, and all that it needs", (name) => {
    expect(containerOf(name).args).toEqual([name]);
    expect(environmentProblems(name, environmentOf(name))).toEqual([]);
  });

  it("sets nothing that no process uses", () => {
    const used = new Set(ours.flatMap((name) => Object.keys(environmentOf(name))));
    for (const key of [...Object.keys(settings), ...Object.keys(example.stringData)])
      expect(used).toContain(key);
  });

  it.each(ours)("lets %s finish what it accepted before it is killed", (name) => {
    const { terminationGracePeriodSeconds: seconds } = deploymentOf(name).template.spec;
    expect(seconds * 1000).toBeGreaterThan(stopMs(environmentOf(name)));
  });

  it.each(ours)(
    "asks %s whether it lives and whether it is ready, on a port that it has",
    (name) => {
      const one = containerOf(name);
      expect(one.livenessProbe.httpGet.path).toBe("/api/public/health");
      expect(one.readinessProbe.httpGet.path).toBe("/api/public/ready");
      expect(one.ports).toContainEqual({ name: "http", containerPort: 3000 });
      const mounts = one.volumeMounts.map((mount) => mount.name);
      expect(deploymentOf(name).template.spec.volumes.map((volume) => volume.name)).toEqual(mounts);
    },
  );

  it.each(ours)("selects the pods of %s alike in every object", (name) => {
    const label = { "app.kubernetes.io/name": `sluice-${name}` };
    const one = deploymentOf(name);
    expect(one.selector.matchLabels).toEqual(label);
    expect(one.template.metadata.labels).toEqual(label);
    const own = objects.filter(({ metadata }) => metadata.name === `sluice-${name}`);
    const selectors = own.flatMap((object) => {
      if (object.kind === "Service") return [object.spec.selector];
      if (object.kind === "PodDisruptionBudget") return [object.spec.selector.matchLabels];
      return object.kind === "NetworkPolicy" ? [object.spec.podSelector.matchLabels] : [];
    });
    expect(selectors).toEqual([label, label, label]);
  });

  it("leads Services to ports that the containers have", () => {
    for (const name of ours) {
      const one = objects.find(
        (object) => object.kind === "Service" && object.metadata.name === `sluice-${name}`,
      );
      const has = containerOf(name).ports;
      for (const port of one?.kind === "Service" ? one.spec.ports : [])
        expect(has).toContainEqual({ name: port.targetPort, containerPort: port.port });
    }
    expect(settings["SLUICE_QUERY_URL"]).toBe("http://sluice-query:3000");
    expect(environmentOf("gateway")["SLUICE_OTLP_GRPC_PORT"]).toBe("4317");
  });

  it("leaves the number of gateways to their autoscaler alone", () => {
    const scalers = objects.filter((object) => object.kind === "HorizontalPodAutoscaler");
    expect(scalers.map(({ spec }) => spec.scaleTargetRef.name)).toEqual(["sluice-gateway"]);
    expect(deploymentOf("gateway").replicas).toBeUndefined();
  });

  it("scales writers by the lag of their group, to as many as there are partitions at most", () => {
    const { spec } = scaling;
    const [{ metadata }] = spec.triggers;
    expect(spec.scaleTargetRef.name).toBe("sluice-writer");
    expect(spec.maxReplicaCount).toBe(Number(settings["SLUICE_KAFKA_PARTITIONS"]));
    expect(metadata["bootstrapServers"]).toBe(settings["SLUICE_KAFKA_BROKERS"]);
    expect(metadata["consumerGroup"]).toBe(`${metadata["topic"]}.writer`);
    expect(metadata["topic"]).toBe("sluice.events.g1");
  });

  it("names its image by a version", () => {
    expect(base.images.map(({ name }) => name)).toEqual(["sluice"]);
    for (const { newName, newTag } of base.images)
      expect(isPinned(`${newName}:${newTag}`)).toBe(true);
  });
});
