/** A scripted stand-in for the person who signs refunds: yes to each order once, no to the same order again. */
import type { Clearance, RuntimeOptions } from "tierwise";

type Person = NonNullable<RuntimeOptions["onHuman"]>;

/** Names, orders and amounts, but no card data. */
export const personClearance: Clearance = { level: "customer", compartments: ["pii"] };

/** @param asked where every question and its answer are kept */
export function scriptedPerson(asked: string[]): Person {
  const signed = new Set<string>();
  return {
    clearance: personClearance,
    ask: ({ kind, prompt }) => {
      if (kind !== "approval") return Promise.reject(new Error("the scripted person only signs refunds"));
      const orderId = /o-\d+/.exec(prompt)?.[0] ?? "";
      const approved = !signed.has(orderId);
      signed.add(orderId);
      const reason = approved ? "came back, not paid yet" : "was signed before";
      asked.push(`${prompt}\n${approved ? "yes" : "no"}: ${reason}`);
      return Promise.resolve({ approved, by: "scripted stand-in", reason });
    },
  };
}

/** For a host in which nobody is there to sign: what needs a signature goes to a colleague. */
export const nobodyThere: Person = {
  clearance: personClearance,
  ask: ({ kind }) => {
    if (kind !== "approval") return Promise.reject(new Error("nobody is there to answer"));
    return Promise.resolve({ approved: false, by: "nobody", reason: "no person is wired" });
  },
};
