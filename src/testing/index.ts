/**
 * For testing graphs: a model that follows a script, and a clock that moves when told. May import every room but `engines`.
 * @module
 */
export type { ReportedUsage } from "../catalog/usage.ts";
export { ScriptedModel, type Script, type ScriptedCall, type ScriptedReply } from "./scripted-model.ts";
export { SimulatedClock } from "./simulated-clock.ts";
