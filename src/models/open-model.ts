import type { Endpoint } from "../catalog/endpoint.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import { systemClock, type Clock } from "../common/clock.ts";
import { anonymised } from "./anonymised.ts";
import { openLabelModel } from "./label-model.ts";
import { openChatModel } from "./langchain.ts";
import type { ModelPort } from "./port.ts";

/**
 * The port of an endpoint, behind its anonymiser where one is declared.
 * @throws {DefinitionError} when its client cannot be held to one request a call
 */
export function openModel(endpoint: Endpoint, clock: Clock = systemClock): ModelPort {
  const port = isLabelModel(endpoint.model) ? openLabelModel(endpoint, endpoint.model) : openChatModel(endpoint, clock);
  return endpoint.anonymiser === undefined ? port : anonymised(port, endpoint.name, endpoint.anonymiser);
}
