/** What the compiler knows of the templates, and what it refuses. Nothing here runs. */
import { BM25Retriever } from "@langchain/community/retrievers/bm25";
import type { BaseRetriever } from "@langchain/core/retrievers";
import * as z from "zod";
import { domainStack, graph, rag, type Passage, type RagAnswer, type Ref, type RetrieverLike } from "../index.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `is<string>()(value, true)`: the value has just that type. */
declare function is<T>(): <V>(value: V, proof: Same<V, T>) => void;

const g = graph("ask", { input: z.object({ question: z.string(), top: z.int() }) });
const question = g.input.field("question");

// ---- rag

declare const anyRetriever: BaseRetriever;
const fits: RetrieverLike = anyRetriever;
const retriever = BM25Retriever.fromDocuments([], { k: 3 });
const ragged = rag(g, {
  question,
  retrievers: [
    { retriever, returns: "public" },
    { retriever: fits, returns: "public" },
  ],
});
is<Ref<RagAnswer | undefined>>()(ragged.answer, true);
is<Ref<readonly Passage[]>>()(ragged.passages, true);
// @ts-expect-error a question is a text
rag(g, { question: g.input.field("top"), retrievers: [] });
// @ts-expect-error what a store returns is declared
rag(g, { question, retrievers: [{ retriever }] });
// @ts-expect-error there is no third hop
rag(g, { question, retrievers: [], hops: 3 });

// ---- domainStack

const stack = domainStack(g, {
  text: question,
  domains: ["legal", "medical"],
  output: z.object({ reply: z.string() }),
  prompt: ({ text, domain }) => {
    const named: "legal" | "medical" | undefined = domain;
    // @ts-expect-error the stack has no such domain
    const other: "legal" | undefined = domain;
    return `${text.trim()}${named ?? other}`;
  },
});
is<Ref<{ reply: string }>>()(stack.answer, true);
is<Ref<"legal" | "medical" | "general">>()(stack.domain, true);
g.code("reads-domain", {
  needs: { domain: stack.domain, detected: stack.detected },
  // @ts-expect-error the stack has no such domain
  run: ({ domain }) => domain === "culinary",
});
// @ts-expect-error a request is a text
domainStack(g, { text: g.input, domains: ["a"], output: z.string(), prompt: () => "" });
