import { writeFile } from "node:fs/promises";
import { otlpRequest, type OtlpTraceRequest } from "./otlp.ts";
import type { RecordedAttributes, RecordedTrace } from "./recorded-trace.ts";

export interface ExportRunOptions {
  /** Where to write it, over what is there; its folder must exist. @default nowhere */
  readonly file?: string | URL;
  /** The service under which a back end lists the run. @default "tierwise" */
  readonly serviceName?: string;
  /** More about the service, such as `deployment.environment.name`. @default {} */
  readonly resource?: RecordedAttributes;
}

/**
 * The trace of a run in OpenTelemetry's JSON (`ExportTraceServiceRequest`): Jaeger loads the file on its search page, and every
 * OTLP receiver takes it at `/v1/traces`. A span that is still under way ends when the trace was taken, and carries
 * `tierwise.span.unfinished=true`. Rejects with the error of the file system where the file cannot be written.
 */
export async function exportRun(trace: RecordedTrace, options: ExportRunOptions = {}): Promise<OtlpTraceRequest> {
  const { file, serviceName = "tierwise", resource = {} } = options;
  const request = otlpRequest(trace, { ...resource, "service.name": serviceName });
  if (file !== undefined) await writeFile(file, `${JSON.stringify(request)}\n`);
  return request;
}
