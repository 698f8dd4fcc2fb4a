/** One order of a customer, and where its parcel is; the desk maps it over all of them. */
import { graph } from "tierwise";
import * as z from "zod";
import { whereIs } from "./carrier.ts";

/** What every order confirmation shows. */
export const confirmation = z.object({
  orderId: z.string(),
  item: z.string(),
  status: z.string(),
  totalCents: z.number(),
});

const g = graph("purchase", {
  version: "1",
  input: confirmation,
  label: { level: "customer", compartments: ["pii"], integrity: "trusted" },
});

/** Somebody else's service: when it is down the desk goes on without it. */
const parcel = g.code("parcel", {
  needs: { order: g.input },
  accepts: { level: "customer", compartments: ["pii"] },
  run: ({ order }) => whereIs(order),
  onError: { value: "the carrier does not say where it is" },
});

const purchase = g.code("purchase", {
  needs: { order: g.input, parcel },
  run: ({ order, parcel: place }) => ({ ...order, parcel: place }),
});

export const purchaseGraph = g.output(purchase);
