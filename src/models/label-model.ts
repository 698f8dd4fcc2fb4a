import type { Endpoint } from "../catalog/endpoint.ts";
import type { LabelModel } from "../catalog/model-like.ts";
import { utf8Bytes } from "../common/utf8.ts";
import { ProviderError } from "../errors.ts";
import type { ModelPort, ModelReply, ModelRequest } from "./port.ts";

/** A trained classifier as a model: runs in-process, counts no tokens, knows how sure it is. */
export function openLabelModel(endpoint: Endpoint, model: LabelModel): ModelPort {
  return {
    provider: endpoint.provider ?? "tierwise",
    model: `${model.name}@${model.version}`,
    server: undefined,
    capabilities: {
      onlyLabels: model.labels,
      tools: false,
      jsonSchema: false,
      logprobs: false,
      toolsWithLogprobs: false,
      outputLimit: true,
      contextTokens: undefined,
      languages: endpoint.capabilities.languages,
    },
    streams: false,
    requestBytes: (request) => (request.kind === "classify" ? utf8Bytes(request.text) : 0),
    // `async` so that a throwing model rejects like any other.
    call: async (request) => Promise.resolve(classify(endpoint, model, request)),
  };
}

function classify(endpoint: Endpoint, model: LabelModel, request: ModelRequest): ModelReply {
  if (request.kind !== "classify") {
    throw new ProviderError(`endpoint "${endpoint.name}" only classifies`, { retryable: false, errorType: "_OTHER" });
  }
  const { label, rawProbability, probability } = model.classify(request.text);
  return {
    text: label,
    toolCalls: [],
    finishReason: "stop",
    usage: undefined,
    logprobs: [],
    probability: { raw: rawProbability, calibrated: probability },
    responseId: undefined,
    responseModel: undefined,
  };
}
