export interface JaegerPorts {
  readonly otlpHttp: number;
  readonly otlpGrpc: number;
  readonly queryHttp: number;
  readonly queryGrpc: number;
  readonly health: number;
}

/** What Jaeger may keep, in MiB; beyond it new spans are refused. */
export const memoryLimitMib = 512;

/**
 * Everything on the loopback interface, traces in memory, and neither profiles nor metrics served. JSON is YAML, which Jaeger
 * reads.
 */
export function jaegerConfig(ports: JaegerPorts): string {
  const at = (port: number) => ({ endpoint: `127.0.0.1:${port}` });
  return JSON.stringify({
    service: {
      extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
      pipelines: {
        traces: { receivers: ["otlp"], processors: ["memory_limiter"], exporters: ["jaeger_storage_exporter"] },
      },
      telemetry: { metrics: { level: "none" }, logs: { level: "warn" } },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: at(ports.health) },
      jaeger_query: { storage: { traces: "memory" }, http: at(ports.queryHttp), grpc: at(ports.queryGrpc) },
      jaeger_storage: { backends: { memory: { memory: { max_traces: 20_000 } } } },
    },
    receivers: { otlp: { protocols: { http: at(ports.otlpHttp), grpc: at(ports.otlpGrpc) } } },
    processors: { memory_limiter: { check_interval: "1s", limit_mib: memoryLimitMib } },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
  });
}
