/** The desk's models for a process that runs for days: the stand-in of the small one also writes letters piece by piece. */
import type { ChatModelLike } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import { readTextModels, type TextModels } from "../support-desk/catalog.ts";
import { largeStandIn, smallStandIn } from "../support-desk/stand-ins.ts";

/** Stand-ins remember what they were asked, for tests; in a service that would be a leak. */
const rememberedCalls = 1_000;

/** @throws {Error} in one line when a variable is wrong */
export function serviceModels(environment: Readonly<Record<string, string | undefined>>): TextModels {
  const models = readTextModels(environment);
  const letters = new ScriptedModel(({ messages }) => {
    const text = messages.at(-1)?.content.split("---\n").at(-1) ?? "";
    return { chunks: text.match(/\s*\S+/g) ?? ["-"], everyMs: 5 };
  });
  const small = smallStandIn();
  const streaming = forgetting(letters);
  const withLetters: StandIn = {
    ...forgetting(small),
    stream: (messages: unknown, options?: unknown) => streaming.stream(messages, options) as unknown,
  };
  const large = forgetting(largeStandIn());
  return {
    ...models,
    ...(models.small.standIn && { small: { ...models.small, model: () => withLetters } }),
    ...(models.large.standIn && { large: { ...models.large, model: () => large } }),
  };
}

type StandIn = Required<ChatModelLike> & Pick<ScriptedModel, "bindTools" | "model" | "_llmType">;

function forgetting(model: ScriptedModel): StandIn {
  const forget = (): ScriptedModel => {
    if (model.calls.length > rememberedCalls) model.calls.length = 0;
    return model;
  };
  return {
    model: model.model,
    _llmType: () => model._llmType(),
    invoke: (messages: unknown, options?: unknown) => forget().invoke(messages, options),
    stream: (messages: unknown, options?: unknown) => forget().stream(messages, options),
    bindTools: (tools: Parameters<ScriptedModel["bindTools"]>[0]) => forget().bindTools(tools),
  };
}
