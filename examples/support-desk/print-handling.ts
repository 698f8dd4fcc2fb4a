/** The sections of the printed report that tell what the classifier knew, what was done, and what people saw. */
import { formatUsd } from "tierwise";
import type { DeskReport } from "./report.ts";
import { percent, textTable } from "./text-table.ts";

/** Of a ticket, in the printed report. */
const shownCharacters = 140;

/** The answers to the first questions: what ran where, what was escalated and refused, what it cost. */
export function shortText({ handling, triage, received, plan, cost }: DeskReport): string {
  const models = received.filter(({ sink }) => sink.startsWith("model "));
  const ran = models.map(({ sink, location, requests }) => `${sink.slice("model ".length)} (${location}) ${requests}`);
  const tooHigh = plan.flatMap(({ step, refused }) =>
    refused.filter((reason) => reason.includes(": clearance:")).map((reason) => [reason.split(":")[0], step] as const),
  );
  const refused = [...Map.groupBy(tooHigh, ([endpoint]) => endpoint)].map(
    ([endpoint, found]) => `${endpoint} [${[...new Set(found.map(([, step]) => step))].join(", ")}]`,
  );
  const unsigned = handling.signatures.asked - handling.signatures.approved;
  const accepted = Math.round((1 - triage.escalatedShare) * triage.heldOutTickets);
  return [
    `done       ${triage.heldOutTickets} tickets: ${countsText(handling.actions)}`,
    `ran where  requests by model: ${ran.join(", ")}`,
    `escalated  ${triage.heldOutTickets - accepted} topics to the small model, ${handling.replies.escalated} letters to the large one`,
    `refused    by clearance, some or all turns: ${refused.join(", ") || "none"}; by a person: ${unsigned} of ${handling.signatures.asked} refunds`,
    `cost       ${cost.complete ? formatUsd(cost.usd) : "unknown"}${cost.simulated ? " (simulated, not a saving)" : ""}`,
  ].join("\n");
}

export function triageText({ triage }: DeskReport): string {
  const { trainingTickets, heldOutTickets, acceptAt, calibrationError, uncertain } = triage;
  const all = { tickets: heldOutTickets, ...triage };
  const rows = [["all", all] as const, ...Object.entries(triage.byDifficulty)].map(([name, found]) => [
    name,
    String(found.tickets),
    percent(found.accuracyOnAll),
    percent(1 - found.escalatedShare),
    found.accuracyOnAccepted === undefined ? "-" : percent(found.accuracyOnAccepted),
  ]);
  return [
    `${trainingTickets} tickets to train on, ${heldOutTickets} held out, ten topics`,
    textTable(["tickets", "count", "right", "accepted", "right of accepted"], rows),
    `accepted from confidence ${acceptAt.toFixed(3)}, chosen by cross-validation on the training tickets; calibration error ${calibrationError.toFixed(3)}`,
    `escalated to the small model: ${percent(triage.escalatedShare)}; uncertain after that: ${uncertain}, handed to a person`,
  ].join("\n");
}

export function handlingText({ handling, triage }: DeskReport): string {
  const { actions, refundsIssued, signatures, replies } = handling;
  const { asked, approved } = signatures;
  return [
    `${countsText(actions)}; refunds issued: ${refundsIssued}`,
    `refunds that a person (scripted stand-in) had to sign: ${asked}, signed ${approved}, refused ${asked - approved}`,
    `letters that the small model got wrong and the large one wrote: ${replies.escalated} of ${triage.heldOutTickets - replies.fixedText}; written again because they promised money: ${replies.rewritten}`,
    `no letter, a fixed text: ${replies.fixedText}; replies that failed the last check: ${replies.failedCheck}`,
    `failed and replaced by what the step declares: ${countsText(handling.recovered)}; kept from an earlier ticket (memo): ${countsText(handling.cached)}`,
  ].join("\n");
}

/** Tickets and replies are the customers' data: here they are invented, in a real desk they belong in no log. */
export function seenText({ handling }: DeskReport): string {
  const indented = (text: string): string => text.split("\n").join("\n    ");
  const tickets = handling.seen.map(
    ({ ticket, action, reply }) => `ticket: ${shortened(ticket)}\n  ${action}\n    ${indented(reply)}`,
  );
  const questions = handling.questions.map((question) => `asked of the person who signs: ${indented(question)}`);
  return [...tickets, ...questions].join("\n");
}

function shortened(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}...`;
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return texts.length === 0 ? "none" : texts.join(", ");
}
