import { p95Of, type Candidate, type Measured } from "../../catalog/candidate.ts";
import type { EndpointClass, Location } from "../../catalog/endpoint.ts";
import type { EndpointGate, GateStatus } from "./endpoint-gate.ts";

/** An endpoint for a health page. */
export interface EndpointStatus extends GateStatus {
  readonly name: string;
  readonly class: EndpointClass;
  readonly location: Location;
  /** `undefined` when no request ended in the last 15 minutes, and where feedback is off. */
  readonly measured: Measured | undefined;
  /** The latency that policies count with, in milliseconds. */
  readonly p95Ms: number | undefined;
  readonly p95Source: "measured" | "declared" | "unknown";
}

const noGate: GateStatus = { circuit: "closed", running: 0, waiting: 0, pausedUntilMs: undefined };

/** @param candidate as decisions see it now */
export function statusOf(candidate: Candidate, gate: EndpointGate | undefined): EndpointStatus {
  const { endpoint, measured } = candidate;
  const { name, class: endpointClass, location } = endpoint;
  const withoutDeclared = p95Of({ ...candidate, endpoint: { ...endpoint, p95Ms: undefined } });
  const p95Source = withoutDeclared !== undefined ? "measured" : endpoint.p95Ms !== undefined ? "declared" : "unknown";
  const p95Ms = p95Of(candidate);
  const gateStatus = gate?.status ?? noGate;
  return Object.freeze({ name, class: endpointClass, location, measured, p95Ms, p95Source, ...gateStatus });
}
