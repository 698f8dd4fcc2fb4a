/**
 * Labels stop a leak: card data must not reach the model in the cloud, whoever wires the graph. The first graph does not build,
 * the second builds but fits no model, the third is the fix. Look at the errors: nothing was called, and no byte has left.
 */
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, TierwiseError } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";

const customer = { level: "customer", compartments: ["pii"] } as const;
const cardData = { level: "regulated", compartments: ["pci"] } as const;
const inHouse = { level: "regulated", compartments: ["pii", "pci"] } as const;
const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", clearance: inHouse, ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", clearance: customer, ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });

/** What all three graphs begin with: a message, and an order that our database returns with its card number. */
function start() {
  const g = graph("support", { input: z.object({ message: z.string() }), label: customer, privacy: "regulated" });
  const order = g.code("order", {
    needs: {},
    produces: cardData,
    run: () => ({ item: "cup", card: "4111 1111 1111 1111" }),
  });
  return { g, order };
}
const reasoning = { complexity: "reasoning", output: z.string() } as const;
const attempt = (what: string, build: () => void) => {
  console.log(`\n${what}`);
  try {
    build();
  } catch (error) {
    if (!TierwiseError.isInstance(error)) throw error;
    console.log(`${error.code}: ${error.message}`);
  }
};

attempt("1. The reply may see customer data, but reads the order:", () => {
  const { g, order } = start();
  const prompt = ({ order }: { order: object }) => `Why was this returned? ${JSON.stringify(order)}`;
  g.output(g.model("reply", { ...reasoning, needs: { order }, privacy: "customer", prompt }));
});

attempt("2. The author lifts the bound, and the caller is cleared; the policy finds no model that may and can:", () => {
  const { g, order } = start();
  const prompt = ({ order }: { order: object }) => `Why was this returned? ${JSON.stringify(order)}`;
  const reply = g.model("reply", { ...reasoning, needs: { order }, prompt });
  runtime.plan(g.output(reply, { clearance: inHouse })).check();
});

attempt("3. The fix: trusted code releases what the reply needs, and the rest stays:", () => {
  const { g, order } = start();
  const summary = g.redact("summary", {
    from: order,
    output: z.object({ item: z.string() }),
    map: ({ item }) => ({ item }),
    removes: ["pci"],
    to: "customer",
    reason: "what was bought names no card",
  });
  const prompt = ({ summary }: { summary: { item: string } }) => `Why was this returned? ${summary.item}`;
  const reply = g.model("reply", { ...reasoning, needs: { summary }, privacy: "customer", prompt });
  console.log(runtime.plan(g.output(reply)).toTable());
});
