/**
 * For testing graphs: models that follow a script or a recording, a server that goes wrong on purpose, a clock that moves
 * when told, and matchers for what a run did. Loads no test framework and no client. May import every room but `engines`.
 * @module
 */
export type { ReportedUsage } from "../catalog/usage.ts";

export {
  ScriptedModel,
  type Script,
  type ScriptedCall,
  type ScriptedModelOptions,
  type ScriptedReply,
} from "./scripted-model.ts";
export { SimulatedClock } from "./simulated-clock.ts";
export { budgetPortContract, type ContractCase } from "./budget-port-contract.ts";
export { durableEngineContract, engineContract, ServedEngine, type EngineCase, type Play } from "./engine-contract.ts";

export { FaultServer, type FaultServerOptions, type ServerRequest, type ServerScript } from "./fault-server.ts";
export type { Delivery, EventStream, ServedCompletion, ServedToolCall, ServerReply } from "./server-reply.ts";
export * as faults from "./faults.ts";

export { recordModel, type RecordingOptions } from "./record-model.ts";
export { replayModel, type ReplayedModel } from "./replay-model.ts";
export type { RecordingRedactor } from "./redact-recording.ts";

export {
  tierwiseMatchers,
  type KeptWithin,
  type MatcherOutcome,
  type Matchers,
  type OfStep,
  type TierwiseMatchers,
} from "./matchers.ts";
