import type { SpanExporter } from "@opentelemetry/sdk-trace";

/** The one member of the package that is used here. */
interface GrpcExporterPackage {
  readonly OTLPTraceExporter: new (options: { readonly url: string }) => SpanExporter;
}

const packageName: string = "@opentelemetry/exporter-trace-otlp-grpc";

/** The official exporter, protobuf over gRPC. @returns `undefined` where its package is not installed */
export async function otlpGrpc(url: string): Promise<SpanExporter | undefined> {
  try {
    const { OTLPTraceExporter } = (await import(packageName)) as GrpcExporterPackage;
    return new OTLPTraceExporter({ url });
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
