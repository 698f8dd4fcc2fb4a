/** The shop's own systems, in memory: customers, orders, help articles, and the effect of a refund. */
import { readFileSync } from "node:fs";
import { Document } from "@langchain/core/documents";
import { BM25Retriever } from "@langchain/community/retrievers/bm25";

export interface Customer {
  readonly id: string;
  readonly name: string;
  readonly tier: "standard" | "plus";
}

export interface Order {
  readonly id: string;
  readonly customerId: string;
  readonly item: string;
  readonly totalCents: number;
  readonly status: "processing" | "shipped" | "delivered" | "returned" | "cancelled";
  readonly orderedAt: string;
  readonly cardLast4: string;
}

export interface Article {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export interface Ticket {
  readonly id: string;
  readonly customerId: string;
  readonly text: string;
  readonly label: string;
  /** `plain` as most tickets are, or what makes it hard. */
  readonly difficulty: "plain" | "sarcasm" | "language" | "two-problems" | "long" | "attack";
}

function read(name: string): string {
  return readFileSync(new URL(`data/${name}`, import.meta.url), "utf8");
}

function rows(name: string): unknown[] {
  const lines = read(name)
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.map((line) => JSON.parse(line) as unknown);
}

export const trainingTickets = rows("tickets.train.jsonl") as readonly {
  readonly text: string;
  readonly label: string;
}[];
export const heldOutTickets = rows("tickets.heldout.jsonl") as readonly Ticket[];
export const articles = JSON.parse(read("knowledge.json")) as readonly Article[];
const customers = JSON.parse(read("customers.json")) as readonly Customer[];
const orders = JSON.parse(read("orders.json")) as readonly Order[];

export function customerById(id: string): Customer {
  const customer = customers.find((candidate) => candidate.id === id);
  if (customer === undefined) throw new Error("no such customer");
  return customer;
}

/** Newest first. */
export function ordersOf(customerId: string): readonly Order[] {
  return orders
    .filter((order) => order.customerId === customerId)
    .sort((a, b) => b.orderedAt.localeCompare(a.orderedAt));
}

const search = BM25Retriever.fromDocuments(
  articles.map(({ id, title, text }) => new Document({ pageContent: `${title}\n${text}`, metadata: { id } })),
  { k: 2, includeScore: false },
);

export async function searchArticles(query: string): Promise<readonly { id: string; text: string }[]> {
  const found = await search.invoke(query);
  return found.map(({ pageContent, metadata }) => ({ id: String(metadata["id"]), text: pageContent }));
}

/** Refunds that were really issued, by idempotency key: the same key pays once, and so does the same order. */
const refunds = new Map<string, { readonly orderId: string; readonly amountCents: number }>();

/** @returns the cents that this key paid; 0 when another one has paid back the order before */
export function issueRefund(refund: { orderId: string; amountCents: number }, idempotencyKey: string): number {
  const paid = refunds.get(idempotencyKey);
  if (paid !== undefined) return paid.amountCents;
  if (issuedRefunds().some(({ orderId }) => orderId === refund.orderId)) return 0;
  refunds.set(idempotencyKey, refund);
  return refund.amountCents;
}

export function issuedRefunds(): readonly { readonly orderId: string; readonly amountCents: number }[] {
  return [...refunds.values()];
}
