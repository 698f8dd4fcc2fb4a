import { TierwiseError } from "../errors.ts";

/** Ends an exhaustive `switch`: the compiler proves that it cannot be reached. */
export function assertNever(value: never, what: string): never {
  throw new TierwiseError("INTERNAL", `unknown ${what}: ${typeof value}`);
}
