import { textHash } from "../common/stable-hash.ts";
import { StepFailedError } from "../errors.ts";
import { fuseRankings } from "./fuse.ts";

/** A document as a retriever returns it: LangChain's `Document` fits. */
export interface DocumentLike {
  readonly pageContent: string;
  /** Of this text, not of the book it was cut from. @default a hash of the text */
  readonly id?: string | undefined;
}

/** A LangChain retriever, seen structurally: any `BaseRetriever` fits, and so does a function of your own in this shape. */
export interface RetrieverLike {
  /** @returns documents, best first. Should stop when the signal fires; the run does not wait for it. */
  invoke(query: string, config?: { readonly signal?: AbortSignal }): Promise<readonly DocumentLike[]>;
}

/** A retrieved text, and the id under which answers name it as a source. */
export interface Passage {
  readonly id: string;
  readonly text: string;
}

export interface Lookup {
  /** Of the step, for error texts. */
  readonly step: string;
  readonly queries: readonly string[];
  readonly retrievers: readonly RetrieverLike[];
  /** Rankings that are there already, each best first. */
  readonly known: readonly (readonly Passage[])[];
  readonly maxPassages: number;
}

/**
 * Asks every retriever every query, all at once, and merges what they return by reciprocal rank fusion. When one fails, the
 * others are told to stop.
 * @throws {StepFailedError} when a retriever returns something else than documents; what a retriever throws is passed on
 */
export async function retrieve(lookup: Lookup, signal: AbortSignal): Promise<readonly Passage[]> {
  const { queries, retrievers, known, maxPassages } = lookup;
  const failed = new AbortController();
  const config = { signal: AbortSignal.any([signal, failed.signal]) };
  const ask = async (retriever: RetrieverLike, query: string) =>
    passagesOf(await retriever.invoke(query, config), lookup);
  try {
    const found = await Promise.all(retrievers.flatMap((retriever) => queries.map((query) => ask(retriever, query))));
    return fuseRankings([...known, ...found], identity).slice(0, maxPassages);
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

/** Chunks of one document may share its id. */
function identity({ id, text }: Passage): string {
  return JSON.stringify([id, text]);
}

function passagesOf(found: unknown, { step }: Lookup): readonly Passage[] {
  if (!Array.isArray(found)) throw notDocuments(step, found);
  return found.map((item: unknown) => {
    const { pageContent, id } = (item ?? {}) as Partial<Record<keyof DocumentLike, unknown>>;
    if (typeof pageContent !== "string") throw notDocuments(step, found);
    const own = typeof id === "string" && id.trim() !== "" ? id : `text-${textHash(pageContent, 8)}`;
    return Object.freeze({ id: own, text: pageContent });
  });
}

/** Names no values: what a retriever returns is data. */
function notDocuments(step: string, found: unknown): StepFailedError {
  const what = Array.isArray(found) ? "a list with something else in it" : `a value of type ${typeof found}`;
  const message = `step "${step}": expected the retriever to return documents with pageContent, found ${what}`;
  return new StepFailedError("STEP_FAILED", message, { details: { step } });
}
