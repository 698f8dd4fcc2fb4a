import type { Endpoint } from "../catalog/endpoint.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import { openLabelModel } from "./label-model.ts";
import { openChatModel } from "./langchain.ts";
import type { ModelPort } from "./port.ts";

/** The port of an endpoint. @throws {DefinitionError} when its client cannot be held to one request a call */
export function openModel(endpoint: Endpoint): ModelPort {
  return isLabelModel(endpoint.model) ? openLabelModel(endpoint, endpoint.model) : openChatModel(endpoint);
}
