/** What must not stand in a letter that goes out unread. Plain code: the same answer for the same text, and for free. */
export interface LetterProblems {
  readonly promisesRefund: boolean;
  readonly hasCardNumber: boolean;
}

export function problemsOf(text: string, action: string): LetterProblems {
  return {
    promisesRefund: /refund(ed)? you|have refunded/i.test(text) && action !== "refunded",
    hasCardNumber: /\b(?:\d[ -]?){13,19}\b/.test(text),
  };
}

export function isClean({ promisesRefund, hasCardNumber }: LetterProblems): boolean {
  return !promisesRefund && !hasCardNumber;
}
