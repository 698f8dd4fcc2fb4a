/** The outside shapes of what an endpoint can be made of. LangChain is never imported to describe them. */

/** A LangChain chat model, seen structurally. */
export interface ChatModelLike {
  // Method syntax and `any`: LangChain's parameter types are contravariant and must not be compared here.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  invoke(input: any, options?: any): Promise<any>;
  /** The same answer in chunks; where it is missing, a step that streams shows each answer in one piece. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  stream?(input: any, options?: any): any;
}

/** What a factory must build into the model it returns: both are constructor arguments in LangChain. */
export interface ModelNeeds {
  readonly maxOutputTokens: number;
  readonly logprobs: boolean;
}

export type ChatModelFactory = (needs: ModelNeeds) => ChatModelLike;

/** A specialised model over its own closed set of labels, with a probability for each answer. */
export interface LabelModel {
  readonly kind: "classifier";
  readonly name: string;
  readonly version: string;
  readonly labels: readonly string[];
  classify(text: string): {
    readonly label: string;
    /** As the model computes it, 0 to 1. */
    readonly rawProbability: number;
    /** Calibrated probability that the label is right, 0 to 1. */
    readonly probability: number;
  };
}

export type EndpointModel = ChatModelLike | ChatModelFactory | LabelModel;

export function isLabelModel(model: EndpointModel): model is LabelModel {
  return "kind" in model && "classify" in model;
}

export function isFactory(model: EndpointModel): model is ChatModelFactory {
  return typeof model === "function";
}
