/** Everything but white space and punctuation: emoji, currency signs and scripts without spaces stay, being evidence. */
const wordPattern = /[^\s\p{P}]+/gu;

/**
 * The words of a text, lower-cased, in order. Compatibility forms (full-width letters, ligatures, decomposed accents)
 * become one spelling first. Never fails: a text without words, or with lone surrogates, gives what it has.
 */
export function wordsOf(text: string): readonly string[] {
  return text.normalize("NFKC").toLowerCase().match(wordPattern) ?? [];
}
