/** Freezes plain objects and arrays all the way down; leaves functions and class instances (schemas, models) alone. */
export function deepFreeze<T>(value: T): T {
  if (!isPlain(value) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

/**
 * The same data, frozen all the way down, without freezing what is not ours: what can be written to is copied, what is
 * frozen all the way down is handed on. Functions and class instances are left alone.
 */
export function frozenCopy<T>(value: T): T {
  if (!isPlain(value)) return value;
  return (Array.isArray(value) ? frozenList(value) : frozenObject(value as Record<string, unknown>)) as T;
}

function frozenList(list: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < list.length; index += 1) {
    const item = list[index];
    const own = frozenCopy(item);
    if (own !== item) (copy ??= [...list])[index] = own;
  }
  if (copy === undefined && Object.isFrozen(list)) return list;
  return Object.freeze(copy ?? [...list]);
}

function frozenObject(bag: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  // Plain objects inherit nothing that is enumerable; listing the keys would cost a list each time.
  for (const key in bag) {
    const member = bag[key];
    if (typeof member !== "object") continue;
    const own = frozenCopy(member);
    if (own !== member) (copy ??= { ...bag })[key] = own;
  }
  if (copy === undefined && Object.isFrozen(bag)) return bag;
  return Object.freeze(copy ?? { ...bag });
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}
