/** What the compiler knows of the template, and what it refuses. Nothing here runs. */
import * as z from "zod";
import { graph, type Ref } from "../index.ts";
import { draftThenVerify, type Verification } from "./draft-then-verify.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** `is<string>()(value, true)`: the value has just that type. */
declare function is<T>(): <V>(value: V, proof: Same<V, T>) => void;

const g = graph("report", { input: z.object({ text: z.string(), top: z.int() }) });
const refs = draftThenVerify(g, "summary", {
  needs: { text: g.input.field("text"), top: g.input.field("top") },
  output: z.object({ total: z.number() }),
  prompt: ({ text, top }) => text.slice(0, top),
});
is<Ref<{ total: number } | undefined>>()(refs.draft, true);
is<Ref<Verification<{ total: number }>>>()(refs.verification, true);
is<Ref<{ total: number }>>()(refs.answer, true);

g.code("read", {
  needs: { verification: refs.verification },
  run: ({ verification }): number => (verification.accepted ? 0 : verification.answer.total),
});
draftThenVerify(g, "other", {
  needs: { text: g.input.field("text") },
  output: z.string(),
  // @ts-expect-error the step needs nothing of that name
  prompt: ({ note }) => String(note),
});
// @ts-expect-error a draft has a shape
draftThenVerify(g, "shapeless", { needs: {}, prompt: () => "" });
