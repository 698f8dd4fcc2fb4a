/**
 * Scripted stand-ins for text models, used where no endpoint is configured. They show how runs are routed, labelled,
 * priced and traced; they understand nothing, and every answer is one of a few fixed texts.
 */
import { ScriptedModel, type ScriptedCall, type ScriptedReply } from "tierwise/testing";

export function smallStandIn(): ScriptedModel {
  return new ScriptedModel((call) => answer(call, { careless: true }), { model: "scripted-stand-in-small" });
}

export function largeStandIn(): ScriptedModel {
  return new ScriptedModel((call) => answer(call, { careless: false }), { model: "scripted-stand-in-large" });
}

function answer(call: ScriptedCall, { careless }: { careless: boolean }): ScriptedReply {
  const text = call.messages.map(({ content }) => content).join("\n");
  if (call.tools.length > 0) return turn(call, text);
  // A stand-in does not know the topic of a ticket, and says so.
  if (text.includes("Choose the one label")) return { text: "uncertain" };
  if (text.includes("Rewrite this reply")) return { text: (text.split("---\n").at(-1) ?? "").replace(promise, "") };
  return { text: letter(text, careless) };
}

const promise = "We have refunded you something for the trouble.\n";

/** First look things up, then refund what came back, then say what was done. */
function turn(call: ScriptedCall, text: string): ScriptedReply {
  const results = call.messages.filter(({ role }) => role === "tool").map(({ content }) => content);
  const about = find(/wrote about: (\w+)/, text);
  if (results.length === 0) {
    const lookUps = [
      { name: "search_help", args: { query: about.replaceAll("_", " ") } },
      { name: "order_history", args: {} },
    ];
    return { toolCalls: lookUps };
  }
  const articleId = find(/"id":"(kb-\d+)"/, results.join("\n")) || "none";
  const paid = find(/"refundedCents":(\d+)/, results.join("\n"));
  const refunded = Number(paid);
  if (refunded > 0) return { text: JSON.stringify({ action: "refunded", amountCents: refunded, articleId }) };
  const [, status = "", cents = "0"] = /, (\w+), (\d+) cents/.exec(text) ?? [];
  if (paid === "" && about === "refund" && status === "returned") {
    return { toolCalls: [{ name: "issue_refund", args: { amountCents: Number(cents) } }] };
  }
  return { text: JSON.stringify({ action: "answered", amountCents: 0, articleId }) };
}

/** The small one sometimes forgets the greeting that the step's check asks for, and sometimes promises money. */
function letter(text: string, careless: boolean): string {
  const name = find(/reply to (\S+) about/, text);
  const done = find(/What was done: (\w+)/, text);
  const forgets = careless && name.length % 4 === 0;
  const body: Record<string, string> = {
    refunded: "We have refunded your order; the money is on its way.",
    answered: "Here is what our help pages say about it.",
  };
  const promises = careless && done === "answered" && name.length % 7 === 0;
  return `${forgets ? "Hello." : `Hi ${name},`}\n${body[done] ?? ""}\n${promises ? promise : ""}(scripted stand-in)`;
}

function find(pattern: RegExp, text: string): string {
  return pattern.exec(text)?.[1] ?? "";
}
