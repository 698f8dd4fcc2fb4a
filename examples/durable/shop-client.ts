/** The shop's services as the desk reaches them: over HTTP. */
export interface Order {
  readonly id: string;
  readonly item: string;
  readonly paidCents: number;
}

export interface Shop {
  order(id: string, signal: AbortSignal): Promise<Order>;
  /** @returns what the payment service wrote into its books: the same for the same key */
  refund(
    order: { readonly orderId: string; readonly amountCents: number },
    sent: { readonly key: string; readonly signal: AbortSignal | undefined },
  ): Promise<string>;
}

export function shopAt(address: string): Shop {
  return {
    order: async (id, signal) => (await fetch(`${address}/orders/${id}`, { signal })).json() as Promise<Order>,
    refund: async (order, { key, signal }) => {
      const headers = { "content-type": "application/json", "idempotency-key": key };
      const request = { method: "POST", headers, body: JSON.stringify(order), signal: signal ?? null };
      return (await fetch(`${address}/refunds`, request)).text();
    },
  };
}
