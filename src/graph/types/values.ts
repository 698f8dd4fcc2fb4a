/**
 * What the values of a graph are, at type level: references, what they carry, and the outside shape of schemas.
 * Members are as few as inference needs: comparing whole zod or LangChain types costs thousands of instantiations a step.
 */

declare const valueType: unique symbol;

/** A value of the graph that is not there yet: hand it to `needs`. The phantom member is required, not optional,
 * because an optional one would lose `undefined` when it is inferred structurally. */
export interface Ref<out T> {
  readonly id: string;
  readonly [valueType]: T;
}

export type Needs = Readonly<Record<string, Ref<unknown>>>;
export type Value<R> = R extends Ref<infer T> ? T : never;
export type Values<N extends Needs> = { readonly [K in keyof N]: Value<N[K]> };

/** The output side of any zod 4 schema; `_zod` is the only member that inference looks at. */
export interface SchemaOf<out O> {
  readonly _zod: { readonly output: O };
}

/** Both sides: defaults and transforms make what a caller passes differ from what steps read. */
export interface InputSchemaOf<out O, out I> {
  readonly _zod: { readonly output: O; readonly input: I };
}

/** A LangChain tool, seen structurally: its own generic type is never compared. */
export interface ToolLike {
  readonly name: string;
  readonly description?: string | undefined;
  readonly schema: unknown;
  // Method syntax and `any`: LangChain's parameter types are contravariant and must not be compared here.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  invoke(input: any, config?: any): unknown;
}
